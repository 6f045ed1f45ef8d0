"""Sessions of servers, the answers that they recorded, and the key of requesters' digests."""

from alembic import op
from sqlalchemy import BigInteger, Column, Double, Integer, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "deployment_sessions",
        Column("id", Text, primary_key=True),
        Column("content", Text, nullable=False),
        Column("started", Double, nullable=False),
        *(Column(name, Integer, nullable=False) for name in ("requests", "declines", "draws", "records", "losses")),
    )
    op.create_table(
        "deployment_answers",
        Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("id", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False, index=True),
        Column("session", Text, nullable=False),
        Column("time", Double, nullable=False, index=True),
        Column("until", Double, nullable=False, index=True),
        Column("content", Text, nullable=False),
    )
    op.create_table("deployment_key", Column("row", Integer, primary_key=True), Column("key", Text, nullable=False))
