"""The ledger: what people said, kept in one store that can only grow.

    schema         the version of the tables
    prompts, completions, evaluators, feedback
                   `row` grows with every record, `id` is the digest of `content`, `content` the record as JSON

The store is an SQLite file or, by URL, a PostgreSQL database; both hold to the same. Triggers refuse UPDATE, DELETE and
REPLACE (on PostgreSQL TRUNCATE too) in every table, so a changed mind is a new record that `replaces` the old one.
Several processes write one after the other, and either all of a transaction is in the ledger or nothing of it; what was
acknowledged is on the disk. Reading back compares each record with its id.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from sqlalchemy import Connection, Table, func, select

from accord.errors import LedgerError, RecordError
from accord.feedback.store.database import open_store
from accord.feedback.store.ledger_writer import ImportCounts, LedgerWriter
from accord.feedback.store.location import Location
from accord.feedback.store.schema_check import prepare
from accord.feedback.store.tables import TABLES
from accord.records import Completion, Evaluator, Feedback, Prompt, Record, parse, share_fields_set

__all__ = ["Ledger"]

R = TypeVar("R", bound=Record)
AT_ONCE = 10_000
NAMES_AT_ONCE = 500
FEW = 500  # rows that are asked for one by one; of more, all between the first and the last are
KINDS: dict[str, type[Record]] = {
    "prompts": Prompt,
    "evaluators": Evaluator,
    "completions": Completion,
    "feedback": Feedback,
}


class Ledger:
    """A ledger, opened by path or by `postgresql://user@host/database`. Made where `write` is set and nothing is there.

    Usable as a context manager. Nothing stays open between calls, unless it is `pooled` (for a program that asks
    often; never hand such a ledger to a forked process). `timeout` is how many seconds to wait for another process
    that is writing. A password belongs into the environment (PGPASSWORD) or ~/.pgpass; one in the URL is never shown.

    Raises `LedgerError` where it is no ledger, is of a newer schema, stays locked or (for reading) is not there;
    `StorageError` where the folder cannot be written or the disk is full.
    """

    def __init__(
        self, location: Path | str, *, write: bool = True, timeout: float = 30.0, pooled: bool = False
    ) -> None:
        self.store = open_store(location, write=write, timeout=timeout, pooled=pooled)
        prepare(self.store)

    @property
    def location(self) -> Location:
        """Where it is kept. As text it is the path, or the URL without its password."""
        return self.store.location

    def close(self) -> None:
        """Let go of the file or the server."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, *, immediate: bool = False) -> AbstractContextManager[Connection]:
        """A transaction for tables that are kept beside the ledger's; see `Store.begin`."""
        return self.store.begin(immediate=immediate)

    # -- adding ------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[LedgerWriter]:
        """One transaction: what is added inside the block enters whole at its end, or not at all.

        The order of the records inside does not matter. Raises `LedgerError` where a record refers to something
        that is neither in the ledger nor in the transaction.
        """
        with self.begin(immediate=True) as connection:
            writer = LedgerWriter(connection, str(self.location))
            yield writer
            writer.finish()

    def add(self, *records: Record) -> ImportCounts:
        """Add records in one transaction; those already there stay as they are."""
        return self.extend(records)

    def extend(self, records: Iterable[Record]) -> ImportCounts:
        """Add any number of records in one transaction; those already there stay as they are."""
        with self.transaction() as writer:
            writer.extend(records)
        return writer.counts

    # -- reading -----------------------------------------------------------------------------------------

    def prompts(self) -> dict[str, Prompt]:
        """All prompts by id, in the order in which they came."""
        return {record.id: record for _, record in self._records(Prompt, "prompts", None)}

    def completions(self) -> dict[str, Completion]:
        """All completions by id, in the order in which they came."""
        return {record.id: record for _, record in self._records(Completion, "completions", None)}

    def evaluators(self) -> dict[str, Evaluator]:
        """All evaluators by id, in the order in which they came."""
        return {record.id: record for _, record in self._records(Evaluator, "evaluators", None)}

    def feedback(self, upto: int | None = None) -> Iterator[Feedback]:
        """What was said, in the order of its rows, up to and with row `upto` (None: all there is now).

        Raises `LedgerError` where a record is not what its id says.
        """
        return (record for _, record in self.numbered(upto))

    def feedback_of(self, evaluator: str) -> list[Feedback]:
        """What one evaluator (its id) said, in the order of its rows. Raises as `feedback`."""
        return self._matching(Feedback, "evaluator", [evaluator])

    def feedback_to(self, prompts: Collection[str]) -> list[Feedback]:
        """What was said of answers to these prompts (by id), in the order of its rows. Raises as `feedback`."""
        return self._matching(Feedback, "prompt", prompts)

    def answers_to(self, prompts: Collection[str]) -> dict[str, list[Completion]]:
        """The completions of these prompts (by id), in the order in which they came. Raises as `feedback`."""
        answers: dict[str, list[Completion]] = {}
        for completion in self._matching(Completion, "prompt", prompts):
            answers.setdefault(completion.prompt, []).append(completion)
        return answers

    def named(self, kind: type[R], names: Collection[str]) -> dict[str, R]:
        """The records of a kind that have these ids; ids that are not there are left out. Raises as `feedback`."""
        return {record.id: record for record in self._matching(kind, "id", names)}

    def numbered(self, upto: int | None = None) -> Iterator[tuple[int, Feedback]]:
        """What was said with its row numbers; see `feedback`."""
        return self._records(Feedback, "feedback", self.last_row if upto is None else upto)

    def names(
        self, kind: type[Record], upto: int | None = None, *, holding: str | None = None
    ) -> Iterator[tuple[int, str]]:
        """Row and id of every record of a kind, up to and with row `upto`; contents are not read.

        `holding` leaves those alone whose content has this stretch of JSON.
        """
        table, last = self._table(kind), 0
        query = select(table.c.row, table.c.id).order_by(table.c.row).limit(AT_ONCE)
        if holding is not None:
            query = query.where(table.c.content.contains(holding, autoescape=True))
        if upto is not None:
            query = query.where(table.c.row <= upto)
        while True:
            with self.begin() as connection:
                rows = connection.execute(query.where(table.c.row > last)).all()
            yield from ((row, name) for row, name in rows)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].row

    def at(self, kind: type[R], rows: Iterable[int]) -> Iterator[tuple[int, R]]:
        """The records of a kind in these rows (ascending) with their rows; of the others none is parsed.

        Raises as `feedback`.
        """
        row_N, start = np.fromiter(rows, np.int64), 0
        while start < row_N.size:
            first = int(row_N[start])
            end = int(np.searchsorted(row_N, first + AT_ONCE))
            inside = row_N[start:end]
            found = self.raw(kind, first, int(inside[-1]) + 1, rows=inside.tolist())
            for row in inside.tolist():
                name, content = found[row]
                yield row, self._record(kind, name, content, row)
            start = end

    def raw(
        self, kind: type[Record], first: int, end: int, *, rows: Collection[int] | None = None
    ) -> dict[int, tuple[str, str]]:
        """Id and content by row, from row `first` to the one before `end`; of these `rows` alone where they are few."""
        table = self._table(kind)
        query = select(table.c.row, table.c.id, table.c.content)
        if rows is not None and len(rows) <= FEW:
            query = query.where(table.c.row.in_(rows))
        else:
            query = query.where(table.c.row >= first, table.c.row < end)
        with self.begin() as connection:
            return {row: (name, content) for row, name, content in connection.execute(query)}

    def read(self, kind: type[R], name: str, content: str) -> R:
        """The record of this content. Raises as `feedback`."""
        return self._record(kind, name, content)

    def replaced(self, upto: int | None = None) -> set[str]:
        """The ids of feedback that a later record, up to and with row `upto`, takes back."""
        table = TABLES["feedback"]
        query = select(table.c.id, table.c.content).where(table.c.content.contains('"replaces":'))
        if upto is not None:
            query = query.where(table.c.row <= upto)
        with self.begin() as connection:
            later = [self._record(Feedback, row.id, row.content) for row in connection.execute(query)]
        return {record.replaces for record in later if record.replaces is not None}

    def asked_again(self, upto: int | None = None) -> dict[str, Feedback]:
        """The feedback, by id, whose items were asked again by a record up to and with row `upto`."""
        table = TABLES["feedback"]
        query = select(table.c.id, table.c.content).where(table.c.content.contains('"repeat_of":'))
        if upto is not None:
            query = query.where(table.c.row <= upto)
        with self.begin() as connection:
            later = [self._record(Feedback, row.id, row.content) for row in connection.execute(query)]
            names = sorted({record.repeat_of for record in later if record.repeat_of is not None})
            earlier = [
                row
                for start in range(0, len(names), 500)
                for row in connection.execute(
                    select(table.c.id, table.c.content).where(table.c.id.in_(names[start : start + 500]))
                )
            ]
        return {row.id: self._record(Feedback, row.id, row.content) for row in earlier}

    def records(self, upto: int | None = None) -> Iterator[Record]:
        """All records of one state of the ledger, its feedback up to and with row `upto`; those named come first.

        So a ledger is a `Source`. What others add meanwhile is left out, so that nothing is named that is not there.
        """
        with self.begin() as connection:
            last = {
                name: connection.scalar(select(func.coalesce(func.max(table.c.row), 0)))
                for name, table in TABLES.items()
            }
        if upto is not None:
            last["feedback"] = upto
        for name, kind in KINDS.items():
            yield from (record for _, record in self._records(kind, name, last[name]))

    @property
    def last_row(self) -> int:
        """The row number of the last feedback; 0 where there is none."""
        return int(self._value(select(func.coalesce(func.max(TABLES["feedback"].c.row), 0))))

    def rows(self, upto: int | None = None) -> int:
        """How many feedback records there are, up to and with row `upto`."""
        table = TABLES["feedback"]
        query = select(func.count()).select_from(table)
        return int(self._value(query if upto is None else query.where(table.c.row <= upto)))

    def counts(self) -> dict[str, int]:
        """How many records there are, by table."""
        return {name: int(self._value(select(func.count()).select_from(table))) for name, table in TABLES.items()}

    def digest(self, upto: int | None = None) -> str:
        """The SHA-256 over the ids of the feedback in row order, each followed by a newline."""
        table = TABLES["feedback"]
        query = select(table.c.id).order_by(table.c.row)
        digest = hashlib.sha256()
        with self.begin() as connection:
            for name in connection.scalars(query if upto is None else query.where(table.c.row <= upto)):
                digest.update(f"{name}\n".encode())
        return digest.hexdigest()

    # -- inside ------------------------------------------------------------------------------------------

    @staticmethod
    def _table(kind: type[Record]) -> Table:
        return TABLES[next(name for name, of_table in KINDS.items() if of_table is kind)]

    def _value(self, query: Any) -> Any:
        with self.begin() as connection:
            return connection.scalar(query)

    def _matching(self, kind: type[R], column: str, values: Collection[str]) -> list[R]:
        """The records of a kind in whose column one of these values stands, in the order of their rows."""
        table = self._table(kind)
        wanted, query = sorted(values), select(table.c.row, table.c.id, table.c.content)
        with self.begin() as connection:
            rows = [
                row
                for start in range(0, len(wanted), NAMES_AT_ONCE)
                for row in connection.execute(query.where(table.c[column].in_(wanted[start : start + NAMES_AT_ONCE])))
            ]
        return [self._record(kind, name, content, row) for row, name, content in sorted(rows)]

    def _records(self, kind: type[R], name: str, upto: int | None) -> Iterator[tuple[int, R]]:
        """The records of a table with their rows, fetched in slices: the ledger only grows, so slices never shift."""
        table, last = TABLES[name], 0
        query = select(table.c.row, table.c.id, table.c.content).order_by(table.c.row).limit(AT_ONCE)
        if upto is not None:
            query = query.where(table.c.row <= upto)
        while True:
            with self.begin() as connection:
                rows = connection.execute(query.where(table.c.row > last)).all()
            for row, name_of_row, content in rows:
                yield row, self._record(kind, name_of_row, content, row)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].row

    def _record(self, kind: type[R], stated: str, content: str, row: int | None = None) -> R:
        if kind.name_of(content) != stated:
            problem = f"altered after it was written (its content is not that of {stated})"
            raise LedgerError(f"{self._place(kind, stated, row)}: {problem}")
        try:
            record = parse(kind, content)
        except RecordError:
            record = parse(kind, content, place=self._place(kind, stated, row))  # which raises with the place
        record.__dict__["id"] = stated
        return share_fields_set(record)

    def _place(self, kind: type[Record], name: str, row: int | None) -> str:
        return f"{self.location} " + (name if row is None else f"{self._table(kind).name} row {row}")
