"""Texts of the ledger's records, searched by the database: the same way on SQLite and PostgreSQL.

Capital and small letters are the same; on SQLite those of A to Z alone.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    SelectBase,
    String,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from accord.collect.desk.context import Transaction
from accord.collect.study.kinds import KINDS
from accord.feedback.store.tables import TABLES

__all__ = ["ids_of_feedback", "prompts_with", "record_field"]

MAX_WORDS = 200  # characters of what is searched for
STRUCTURE = (
    '"messages":[',
    *(f'"role":"{role}"' for role in ("user", "system", "assistant", "tool")),
    '"content":',
    '"prompt":',
    '"text":',
)
"""What stands in the JSON of every prompt or completion, and is none of their words."""

IN_WORDS = (("judgement", "text"), ("judgement", "reason"), ("comment",))
LISTS = tuple(("judgement", name) for kind in KINDS.values() for name in kind.listed_words)
NUL = "\\u0000"
"""How a NUL is written in JSON."""


def prompts_with(text: str) -> SelectBase:
    """The ids of the prompts in which a text stands, or in a completion of which it does."""
    prompts, completions = TABLES["prompts"], TABLES["completions"]
    asked = select(prompts.c.id).where(_holds(prompts.c.content, text))
    return asked.union(select(completions.c.prompt).where(_holds(completions.c.content, text)))


def ids_of_feedback(tx: Transaction, text: str) -> Select[Any]:
    """The ids of the answers in whose own words, labels, notes or comment a text stands."""
    table = TABLES["feedback"]
    words = [record_field(tx, table.c.content, *path).icontains(text[:MAX_WORDS], autoescape=True) for path in IN_WORDS]
    escaped = _escaped(text)
    lists = [record_field(tx, table.c.content, *path).icontains(escaped, autoescape=True) for path in LISTS]
    return select(table.c.id).where(or_(*words, *lists))


def record_field(tx: Transaction, content: ColumnElement[Any], *path: str) -> ColumnElement[str]:
    """A field of the JSON of a record, as text; none of a record with a NUL, which PostgreSQL cannot take out of it."""
    sqlite = tx.connection.dialect.name == "sqlite"
    unreadable = content.contains(NUL, autoescape=True)
    field: Any = type_coerce(content, JSON) if sqlite else cast(content, JSON)
    for name in path:
        field = field[name]
    return case((unreadable, literal(None)), else_=cast(field.as_string(), String))


def _holds(content: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    words: ColumnElement[Any] = content
    for part in STRUCTURE:
        words = func.replace(words, literal(part), literal(""))
    return cast(words, String).icontains(_escaped(text), autoescape=True)


def _escaped(text: str) -> str:
    """A text as it stands in JSON."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(escapes.get(letter, letter) for letter in text[:MAX_WORDS])
