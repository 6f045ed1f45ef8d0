"""Whoever runs a study, and every session, belongs to that study.

Accounts of before may run each study that is there, as they could; sessions of before stay with the people's studies,
and whoever runs one signs in again.
"""

from alembic import op
from sqlalchemy import JSON, Column, Double, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the two tables anew, with what was in them."""
    op.rename_table("collect_admins", "collect_admins_before")
    op.create_table(
        "collect_admins",
        Column("study", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("hash", Text, nullable=False),
    )
    op.execute(
        "INSERT INTO collect_admins (study, name, hash) SELECT collect_studies.name, before.name, before.hash "
        "FROM collect_studies, collect_admins_before AS before"
    )
    op.drop_table("collect_admins_before")
    op.rename_table("collect_logins", "collect_logins_before")
    op.create_table(
        "collect_logins",
        Column("token", Text, primary_key=True),
        Column("study", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("data", JSON, nullable=False),
        Column("created", Double, nullable=False),
        Column("expires", Double, nullable=False),
    )
    op.execute(
        "INSERT INTO collect_logins (token, study, kind, subject, data, created, expires) "
        "SELECT before.token, people.study, before.kind, before.subject, before.data, before.created, before.expires "
        "FROM collect_logins_before AS before JOIN collect_people AS people ON people.pseudonym = before.subject "
        "WHERE before.kind = 'person'"
    )
    op.drop_table("collect_logins_before")
