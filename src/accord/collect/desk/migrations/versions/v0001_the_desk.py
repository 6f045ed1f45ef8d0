"""The desk: items, people, reservations, invites, and who may run a study."""

from typing import Any

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Double, Integer, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_items()
    _make_people()
    _make_reservations()
    _make_running()


def _make_items() -> None:
    op.create_table("collect_studies", _key("name"), _text("kind"))
    op.create_table("collect_secrets", _key("name"), _text("value"))
    op.create_table(
        "collect_items",
        _key("id"),
        _text("study"),
        _text("purpose"),
        _count("place"),
        _text("prompt"),
        _json("completions"),
        _count("candidates"),
        _count("written"),
        _count("overlap"),
        _number("priority"),
        _text("warning"),
        Column("gold", JSON(none_as_null=True)),
        _text("explanation"),
        _count("answered"),
        _count("open"),
        _count("declined"),
        _json("votes"),
        _text("closed"),
        _maybe("adjudicated"),
        Column("model_p", Double),
        _number("gap"),
        _number("writing_until"),
    )
    op.create_index("collect_items_next", "collect_items", ["study", "purpose", "closed", "answered"])


def _make_people() -> None:
    op.create_table(
        "collect_people",
        _key("pseudonym"),
        _text("study"),
        _text("evaluator"),
        _text("status"),
        _text("why"),
        _json("attributes"),
        Column("practised", Boolean, nullable=False),
        _count("sitting"),
        _count("sitting_done"),
        _count("asked"),
        _number("last_at"),
        _number("joined"),
        _number("seen"),
        _text("consent"),
        _number("consented"),
    )
    op.create_table("collect_contacts", _key("pseudonym"), _text("name"), _text("contact"))
    op.create_table(
        "collect_invites",
        _key("id"),
        _text("study"),
        _text("kind"),
        _maybe("person"),
        _text("note"),
        _json("attributes"),
        _number("issued"),
        _number("expires"),
        Column("used", Double),
    )


def _make_reservations() -> None:
    op.create_table(
        "collect_reservations",
        _key("id"),
        _text("study"),
        _text("item"),
        _text("person"),
        _text("purpose"),
        _text("state"),
        Column("holds", Boolean, nullable=False),
        _text("session"),
        _count("place"),
        _count("number"),
        _json("shown"),
        _number("issued"),
        _number("expires"),
        Column("closed", Double),
        _count("answer"),
        Column("seconds", Double),
        Column("form", JSON(none_as_null=True)),
        Column("draft", JSON(none_as_null=True)),
        _maybe("feedback"),
        _maybe("opinion"),
        _maybe("repeat_of"),
        _maybe("replaces"),
        _maybe("redoes"),
        Column("seen", JSON(none_as_null=True)),
    )
    op.create_index("collect_reservations_person", "collect_reservations", ["person", "state"])
    op.create_index("collect_reservations_item", "collect_reservations", ["item", "state"])
    op.create_index("collect_reservations_lapse", "collect_reservations", ["state", "expires"])
    op.create_index("collect_reservations_answer", "collect_reservations", ["answer"])


def _make_running() -> None:
    op.create_table(
        "collect_notes",
        Column("row", Integer, primary_key=True, autoincrement=True),
        _text("study"),
        _number("time"),
        _text("kind"),
        _maybe("person"),
        _text("message"),
    )
    op.create_table("collect_admins", _key("name"), _text("hash"))
    op.create_table(
        "collect_logins",
        _key("token"),
        _text("kind"),
        _text("subject"),
        _json("data"),
        _number("created"),
        _number("expires"),
    )


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _maybe(name: str) -> Column[str | None]:
    return Column(name, Text, nullable=True)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _number(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON, nullable=False)
