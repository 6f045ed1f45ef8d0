"""What files say of items: metadata, and answers that they suggest; for whom those are filled in."""

from alembic import op
from sqlalchemy import JSON, Column, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns; nothing was suggested before."""
    for name in ("metadata", "suggestions"):
        op.add_column("collect_items", Column(name, JSON, nullable=False, server_default="{}"))
    op.add_column("collect_items", Column("stratum", Text, nullable=False, server_default=""))
    op.add_column("collect_reservations", Column("suggested", JSON, nullable=False, server_default="{}"))
