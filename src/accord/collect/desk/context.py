"""What every part of the desk works with: the study and who works for it, and one transaction at one moment."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Result, Row, insert, select

from accord.collect.desk import tables
from accord.collect.sources.answering import Answerer
from accord.collect.study import Experts, Question, Study
from accord.collect.study.form_fields import storable
from accord.collect.study.phrases import phrase
from accord.errors import AccessError, StudyError
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.ledger_writer import LedgerWriter
from accord.feedback.store.tables import TABLES
from accord.interfaces import Judge, Writer
from accord.records import Completion, Feedback, Prompt, Record, parse

__all__ = ["Context", "Transaction", "moment", "storable_name"]

R = TypeVar("R", bound=Record)
RECORD_TABLES: dict[type[Record], str] = {Prompt: "prompts", Completion: "completions", Feedback: "feedback"}
MAX_PARAMETERS = 500


@dataclass(frozen=True)
class Context:
    """A study at work. `clock` gives the time with its zone; `seed` decides every lot.

    `changed` confirms that question or items of a study of this name may be others than they were.
    """

    study: Study
    ledger: Ledger
    clock: Callable[[], datetime]
    seed: int
    writer: Writer | None
    judge: Judge | None
    changed: bool = False
    assistant: Answerer | None = None

    def now(self) -> float:
        """The time in seconds since 1970."""
        now = self.clock()
        if now.utcoffset() is None:
            raise StudyError("the clock has no time zone; hand in one that does")
        return now.timestamp()

    @contextmanager
    def reading(self) -> Iterator["Transaction"]:
        """A transaction that changes nothing: all that it reads is of one state."""
        with self.ledger.begin() as connection:
            yield Transaction(self, connection, self.now())

    @contextmanager
    def writing(self) -> Iterator["Transaction"]:
        """A transaction in which nobody else writes, on the desk's tables and the ledger alike.

        What is done inside the block is kept whole at its end, or not at all.
        """
        with self.ledger.transaction() as ledger_writer:
            yield Transaction(self, ledger_writer.connection, self.now(), ledger_writer)


@dataclass(frozen=True)
class Transaction:
    """One transaction at one moment: `now` is the time (seconds since 1970) at which it began."""

    context: Context
    connection: Connection
    now: float
    ledger_writer: LedgerWriter | None = None

    @property
    def study(self) -> Study:
        """The study."""
        return self.context.study

    @property
    def question(self) -> Question:
        """What the study asks; the first of several questions."""
        return self.context.study.question

    @property
    def seed(self) -> int:
        """What every lot is drawn from."""
        return self.context.seed

    def execute(self, statement: Executable) -> Result[Any]:
        """The result of a statement."""
        return self.connection.execute(statement)

    def count(self, statement: Executable) -> int:
        """The number that a statement of one value gives; 0 where it gives none."""
        return int(self.connection.scalar(statement) or 0)

    def add(self, *records: Record) -> None:
        """Add records to the ledger. Only inside `Context.writing`."""
        assert self.ledger_writer is not None, "a transaction that reads adds nothing"
        self.ledger_writer.add(*records)

    def note(self, kind: str, message: str, person: str | None = None) -> None:
        """Write down something that whoever runs the study should know."""
        values = {"study": self.study.name, "time": self.now, "kind": kind, "person": person, "message": message}
        self.execute(insert(tables.notes).values(values))

    def person_row(self, pseudonym: str) -> Row[Any]:
        """The row of a person of this study. Raises `AccessError` where there is none."""
        table = tables.people
        query = select(table).where(table.c.pseudonym == storable_name(pseudonym), table.c.study == self.study.name)
        if (row := self.execute(query).one_or_none()) is None:
            raise AccessError("forged", phrase("access.unknown"))
        return row

    def is_person(self, pseudonym: str) -> tuple[ColumnElement[bool], ...]:
        """That a row of people is this person's in this study; in another study they have another."""
        return tables.people.c.pseudonym == pseudonym, tables.people.c.study == self.study.name

    def of_person(self, pseudonym: str) -> tuple[ColumnElement[bool], ...]:
        """That a reservation is this person's in this study."""
        return tables.reservations.c.person == pseudonym, tables.reservations.c.study == self.study.name

    def experts_of(self, person: Row[Any]) -> Experts | None:
        """What the study asks of experts, where a person (a row with `expert`) is one of them; None of the crowd."""
        return self.study.experts if person.expert else None

    def is_expert(self, person: Row[Any]) -> bool:
        """Whether a person (a row with `expert`) is asked what the crowd cannot settle."""
        return self.experts_of(person) is not None

    def records(self, kind: type[R], ids: Collection[str]) -> dict[str, R]:
        """Records of the ledger by id, in the order asked for; ids that are not there are left out.

        Those that this transaction adds are there.
        """
        name_of_table = RECORD_TABLES[kind]
        table = TABLES[name_of_table]
        distinct = list(dict.fromkeys(ids))
        content: dict[str, str] = {}
        for start in range(0, len(distinct), MAX_PARAMETERS):
            chunk = distinct[start : start + MAX_PARAMETERS]
            rows = self.execute(select(table.c.id, table.c.content).where(table.c.id.in_(chunk)))
            content |= {row.id: row.content for row in rows}
        if self.ledger_writer is not None and len(content) < len(distinct):
            content = self.ledger_writer.unwritten(name_of_table) | content
        return {name: parse(kind, content[name], place=name) for name in distinct if name in content}

    def prompt(self, name: str) -> Prompt:
        """A prompt of the ledger."""
        return self.records(Prompt, [name])[name]

    def completions(self, names: Collection[str]) -> tuple[Completion, ...]:
        """Completions of the ledger in the order asked for."""
        by_id = self.records(Completion, names)
        return tuple(by_id[name] for name in names)


def moment(seconds: float) -> datetime:
    """The time, in seconds since 1970, as it is handed out."""
    return datetime.fromtimestamp(seconds, UTC)


def storable_name(name: str) -> str:
    """A name as it may stand in a query: "" (nobody's) where it holds what no database takes."""
    return name if storable(name) else ""
