"""The desk: items, people, reservations, invites, and who may run a study."""

from alembic import op

from accord.collect.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind())
