"""What every part of the desk works with: the study, the ledger, the time, the seed, who writes and who scores."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, insert, select

from accord.collect.desk import tables
from accord.collect.study.settings import Study
from accord.errors import AccessError, StudyError
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.tables import TABLES
from accord.interfaces import Judge, Writer
from accord.records import Completion, Prompt, Record, parse

__all__ = ["Context", "moment", "name_in", "open_study", "person_row", "records"]

R = TypeVar("R", bound=Record)
NAMES: dict[type[Record], str] = {Prompt: "prompts", Completion: "completions"}


@dataclass(frozen=True)
class Context:
    """A study at work. `clock` gives the time with its zone; `seed` decides every lot."""

    study: Study
    ledger: Ledger
    clock: Callable[[], datetime]
    seed: int
    writer: Writer | None
    judge: Judge | None

    def now(self) -> float:
        """The time in seconds since 1970."""
        now = self.clock()
        if now.utcoffset() is None:
            raise StudyError("the clock has no time zone; hand in one that does")
        return now.timestamp()

    def note(self, connection: Connection, kind: str, message: str, person: str | None = None) -> None:
        """Write down something that whoever runs the study should know."""
        values = {"study": self.study.name, "time": self.now(), "kind": kind, "person": person, "message": message}
        connection.execute(insert(tables.notes).values(values))


def open_study(connection: Connection, study: Study) -> None:
    """Enter a study by name. Raises `StudyError` where one of this name asks for another kind of judgement."""
    table = tables.studies
    kind = connection.scalar(select(table.c.kind).where(table.c.name == study.name))
    if kind is None:
        connection.execute(insert(table).values(name=study.name, kind=study.question.kind))
    elif kind != study.question.kind:
        raise StudyError(
            f"study.name: a study '{study.name}' of kind '{kind}' is in this ledger; give one of kind "
            f"'{study.question.kind}' a name of its own"
        )


def moment(seconds: float) -> datetime:
    """The time as it is handed out."""
    return datetime.fromtimestamp(seconds, UTC)


def name_in(given: str) -> str:
    """A name as it may stand in a query: "" (nobody's) where it holds what no store takes."""
    return "" if "\0" in given or any("\ud800" <= each <= "\udfff" for each in given) else given


def person_row(context: Context, connection: Connection, pseudonym: str) -> Row[Any]:
    """The row of a person of this study. Raises `AccessError` where there is none."""
    table = tables.people.c
    wanted = select(tables.people).where(table.pseudonym == name_in(pseudonym), table.study == context.study.name)
    if (row := connection.execute(wanted).one_or_none()) is None:
        raise AccessError("forged", "This study does not know you; ask whoever runs it for a new link.")
    return row


def records(connection: Connection, kind: type[R], names: Collection[str]) -> dict[str, R]:
    """Records of the ledger by id, in the order asked for; ids that are not there are left out."""
    table = TABLES[NAMES[kind]]
    wanted = list(dict.fromkeys(names))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), 500):
        part = select(table.c.id, table.c.content).where(table.c.id.in_(wanted[start : start + 500]))
        found |= {row.id: row.content for row in connection.execute(part)}
    return {name: parse(kind, found[name], place=name) for name in wanted if name in found}
