"""Somebody may take part in several studies of a ledger: a row of people in each."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Double, Integer, Text

revision = "0008"
down_revision = "0007"

COLUMNS = (
    "pseudonym, study, evaluator, status, why, attributes, practised, expert, sitting, sitting_done, asked, last_at, "
    "joined, seen, consent, consented"
)


def upgrade() -> None:
    """Make the table anew, whose key is the person and the study, with what was in it."""
    op.rename_table("collect_people", "collect_people_before")
    texts = [Column(name, Text, nullable=False) for name in ("evaluator", "status", "why")]
    flags = [Column(name, Boolean, nullable=False) for name in ("practised", "expert")]
    counts = [Column(name, Integer, nullable=False) for name in ("sitting", "sitting_done", "asked")]
    times = [Column(name, Double, nullable=False) for name in ("last_at", "joined", "seen", "consented")]
    op.create_table(
        "collect_people",
        Column("pseudonym", Text, primary_key=True),
        Column("study", Text, primary_key=True),
        *texts,
        Column("attributes", JSON, nullable=False),
        *flags,
        *counts,
        *times,
        Column("consent", Text, nullable=False),
    )
    op.execute(f"INSERT INTO collect_people ({COLUMNS}) SELECT {COLUMNS} FROM collect_people_before")  # noqa: S608
    op.drop_table("collect_people_before")
