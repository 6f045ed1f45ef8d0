"""Remarks of machines beside items, and for whom they are shown."""

from alembic import op
from sqlalchemy import JSON, Column

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; items and reservations of before have none."""
    op.add_column("collect_items", Column("remarks", JSON(none_as_null=True)))
    op.add_column("collect_reservations", Column("assistance", JSON(none_as_null=True)))
