"""Turns of dialogues, answers of a chat endpoint, and ids that platforms and front ends give to people."""

from alembic import op
from sqlalchemy import JSON, Column, Double, Integer, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables, and room for a platform's ids beside what else can be erased."""
    for name in ("worker", "platform_session", "platform_study"):
        op.add_column("collect_contacts", Column(name, Text, nullable=False, server_default=""))
    op.create_table(
        "collect_external_ids",
        _key("digest"),
        _text("study"),
        _text("person"),
        _text("session"),
        Column("completed", Double),
    )
    _make_turns()
    op.create_table(
        "collect_chat_answers",
        _key("id"),
        _text("study"),
        _text("person"),
        _text("conversation"),
        Column("prompt", JSON, nullable=False),
        Column("completions", JSON, nullable=False),
        Column("feedback", JSON, nullable=False),
        Column("judged", Integer, nullable=False),
        Column("time", Double, nullable=False),
    )
    op.create_index("collect_chat_answers_person", "collect_chat_answers", ["person"])


def _make_turns() -> None:
    op.create_table(
        "collect_turns",
        _key("id"),
        _text("study"),
        _text("person"),
        _text("reservation"),
        Column("place", Integer, nullable=False),
        _text("state"),
        _text("message"),
        Column("prompt", Text),
        Column("shown", JSON, nullable=False),
        _text("reply"),
        Column("feedback", JSON, nullable=False),
        Column("form", JSON(none_as_null=True)),
        Column("draft", JSON(none_as_null=True)),
        _text("problem"),
        Column("writing_until", Double, nullable=False),
        Column("room", Integer),
        Column("issued", Double, nullable=False),
        Column("closed", Double),
    )
    op.create_index("collect_turns_reservation", "collect_turns", ["reservation", "place"], unique=True)
    op.create_index("collect_turns_person", "collect_turns", ["person", "state"])


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)
