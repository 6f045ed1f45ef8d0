"""What a study asks, so that another one does not take its place under the same name."""

from alembic import op
from sqlalchemy import JSON, Column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; the next opening of each study fills it in."""
    op.add_column("collect_studies", Column("asked", JSON(none_as_null=True)))
