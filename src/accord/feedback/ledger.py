"""The ledger: what people said, kept in one SQLite file that can only grow.

    schema         the version of the tables
    prompts, completions, evaluators, feedback
                   `row` grows with every record, `id` is the digest of `content`, `content` the record as JSON

Triggers refuse UPDATE, DELETE and REPLACE in every table, so a changed mind is a new record that `replaces` the old
one. Every transaction is BEGIN IMMEDIATE, so several processes write one after the other, and either all of a
transaction is in the ledger or nothing of it. Reading back compares each record with its id.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, inspect, select, text
from sqlalchemy.pool import NullPool

from accord.errors import LedgerError, storage
from accord.feedback.adding import Added, Adding
from accord.feedback.refusals import refusals
from accord.feedback.tables import APPLICATION_ID, SCHEMA, TABLES, metadata, schema, triggers
from accord.records import Completion, Evaluator, Feedback, Prompt, Record, parse

__all__ = ["Ledger"]

R = TypeVar("R", bound=Record)
AT_ONCE = 10_000
IMMEDIATE = "accord_immediate"


class Ledger:
    """A ledger file, opened. Made where `write` is set and nothing is there yet.

    Usable as a context manager; nothing stays open between calls. `timeout` is how many seconds to wait for
    another process that is writing.

    Raises `LedgerError` where the file is no ledger, is of a newer schema, stays locked or (for reading) is not
    there; `StorageError` where the folder cannot be written or the disk is full.
    """

    def __init__(self, path: Path | str, *, write: bool = True, timeout: float = 30.0) -> None:
        self.path = Path(path)
        self.write = write
        self._timeout = timeout
        if not write and not self.path.is_file():
            raise LedgerError(f"{self.path}: there is no ledger here; `accord import` makes one")
        if write:
            with storage(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = self._connect()
        with refusals(self.path, timeout):
            self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- adding ------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Adding]:
        """One transaction: what is added inside the block enters whole at its end, or not at all.

        The order of the records inside does not matter. Raises `LedgerError` where a record refers to something
        that is neither in the ledger nor in the transaction.
        """
        if not self.write:
            raise LedgerError(f"{self.path}: this ledger was opened for reading only")
        with refusals(self.path, self._timeout), self._begin(immediate=True) as connection:
            adding = Adding(connection, self.path)
            yield adding
            adding.finish()

    def add(self, *records: Record) -> Added:
        """Add records in one transaction; those already there stay as they are."""
        return self.extend(records)

    def extend(self, records: Iterable[Record]) -> Added:
        """Add any number of records in one transaction; those already there stay as they are."""
        with self.transaction() as adding:
            adding.extend(records)
        return adding.added

    # -- reading -----------------------------------------------------------------------------------------

    def prompts(self) -> dict[str, Prompt]:
        """All prompts by id, in the order in which they came."""
        return {each.id: each for each in self._records(Prompt, "prompts", None)}

    def completions(self) -> dict[str, Completion]:
        """All completions by id, in the order in which they came."""
        return {each.id: each for each in self._records(Completion, "completions", None)}

    def evaluators(self) -> dict[str, Evaluator]:
        """All evaluators by id, in the order in which they came."""
        return {each.id: each for each in self._records(Evaluator, "evaluators", None)}

    def feedback(self, upto: int | None = None) -> Iterator[Feedback]:
        """What was said, in the order of its rows, up to and with row `upto` (None: all there is now).

        Raises `LedgerError` where a record is not what its id says.
        """
        return self._records(Feedback, "feedback", self.last_row if upto is None else upto)

    @property
    def last_row(self) -> int:
        """The row number of the last feedback; 0 where there is none."""
        return int(self._value(select(func.coalesce(func.max(TABLES["feedback"].c.row), 0))))

    def rows(self, upto: int | None = None) -> int:
        """How many feedback records there are, up to and with row `upto`."""
        table = TABLES["feedback"]
        wanted = select(func.count()).select_from(table)
        return int(self._value(wanted if upto is None else wanted.where(table.c.row <= upto)))

    def counts(self) -> dict[str, int]:
        """How many records there are, by table."""
        return {name: int(self._value(select(func.count()).select_from(table))) for name, table in TABLES.items()}

    def digest(self, upto: int | None = None) -> str:
        """The SHA-256 over the ids of the feedback in row order, each followed by a newline."""
        table = TABLES["feedback"]
        wanted = select(table.c.id).order_by(table.c.row)
        made = hashlib.sha256()
        with refusals(self.path, self._timeout), self._begin() as connection:
            for name in connection.scalars(wanted if upto is None else wanted.where(table.c.row <= upto)):
                made.update(f"{name}\n".encode())
        return made.hexdigest()

    # -- inside ------------------------------------------------------------------------------------------

    def _connect(self) -> Engine:
        mode = "rwc" if self.write else "ro"
        uri = f"file:{quote(str(self.path.resolve()))}?mode={mode}"
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(uri, uri=True, timeout=self._timeout, check_same_thread=False),
            poolclass=NullPool,
        )

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=ON")

        @event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            immediate = connection.get_execution_options().get(IMMEDIATE, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

        return engine

    @contextmanager
    def _begin(self, *, immediate: bool = False) -> Iterator[Connection]:
        with self._engine.connect().execution_options(**{IMMEDIATE: immediate}) as connection, connection.begin():
            yield connection

    def _open(self) -> None:
        with self._begin() as connection:
            known = connection.scalar(text("PRAGMA application_id")) == APPLICATION_ID
            empty = not inspect(connection).get_table_names()
        if known:
            self._check_version()
        elif empty and self.write:
            self._make()
        else:
            raise LedgerError(f"{self.path}: an SQLite file, but not a ledger; choose another file")
        if self.write:
            with closing(self._engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA journal_mode=WAL")

    def _check_version(self) -> None:
        version = self._value(select(func.max(schema.c.version)))
        if version is None or version > SCHEMA:
            raise LedgerError(
                f"{self.path}: a ledger of schema {version}, and this accord reads up to {SCHEMA}; update accord"
            )

    def _make(self) -> None:
        """Make the tables. Another process may be doing the same: whoever comes second finds them made."""
        with self._begin(immediate=True) as connection:
            if inspect(connection).get_table_names():
                return
            metadata.create_all(connection)
            for statement in triggers():
                connection.execute(text(statement))
            connection.execute(insert(schema).values(version=SCHEMA))
            connection.execute(text(f"PRAGMA application_id={APPLICATION_ID}"))

    def _value(self, wanted: Any) -> Any:
        with refusals(self.path, self._timeout), self._begin() as connection:
            return connection.scalar(wanted)

    def _records(self, kind: type[R], name: str, upto: int | None) -> Iterator[R]:
        """The records of a table, fetched in slices: the ledger only grows, so slices never shift."""
        table, last = TABLES[name], 0
        wanted = select(table.c.row, table.c.id, table.c.content).order_by(table.c.row).limit(AT_ONCE)
        if upto is not None:
            wanted = wanted.where(table.c.row <= upto)
        while True:
            with refusals(self.path, self._timeout), self._begin() as connection:
                found = connection.execute(wanted.where(table.c.row > last)).all()
            for row, named, content in found:
                yield self._record(kind, named, content, f"{self.path} {name} row {row}")
            if len(found) < AT_ONCE:
                return
            last = found[-1].row

    def _record(self, kind: type[R], named: str, content: str, place: str) -> R:
        if kind.name_of(content) != named:
            raise LedgerError(f"{place}: altered after it was written (its content is not that of {named})")
        record = parse(kind, content, place=place)
        record.__dict__["id"] = named
        return record
