"""Who is an expert, and places of items that are theirs."""

from alembic import op
from sqlalchemy import Boolean, Column, Integer, false

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; nobody was an expert before."""
    op.add_column("collect_people", Column("expert", Boolean, nullable=False, server_default=false()))
    for name in ("answered_by_experts", "open_with_experts"):
        op.add_column("collect_items", Column(name, Integer, nullable=False, server_default="0"))
