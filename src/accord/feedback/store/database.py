"""The store behind a ledger: opened by path or URL, its transactions, its migrations.

Whoever keeps tables of their own beside the ledger's (as `collect` does) brings them up to date by `migrate` and reads
and writes them by `begin`, or by the connection of a `LedgerWriter`, in one transaction with the records.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from accord.errors import LedgerError, storage
from accord.extras import require
from accord.feedback.store.db_errors import translate_errors
from accord.feedback.store.engines import IMMEDIATE, postgres, sqlite
from accord.feedback.store.file_modes import make_private
from accord.feedback.store.location import File, Location, Server, parse_location

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

__all__ = ["Store", "Transactional", "migrate", "open_store", "run_migrations"]


class Transactional(Protocol):
    """What can be migrated: a `Store`, or a `Ledger`."""

    @property
    def location(self) -> Location:
        """Where it is kept. As text it is a path, or a URL without its password."""
        ...

    def begin(self, *, immediate: bool = False) -> AbstractContextManager[Connection]:
        """A transaction; `immediate` makes it the only one that writes."""
        ...


@dataclass(frozen=True)
class Store:
    """An open store. As text, `location` is the path, or the URL without its password.

    `timeout` is how many seconds to wait for another process that is writing.
    """

    location: Location
    engine: Engine
    write: bool
    timeout: float
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def translated_errors(self) -> AbstractContextManager[None]:
        """What the database refuses inside the block becomes one clear error."""
        return translate_errors(str(self.location), self.timeout)

    @contextmanager
    def begin(self, *, immediate: bool = False) -> Iterator[Connection]:
        """A transaction: taken back where the block raises.

        Without `immediate` it reads one state of the whole store, and cannot write. With it, it is the only one that
        writes until it ends; threads of this process take turns, for the database lets those who wait ask again after
        ever longer rests. Raises `LedgerError` where somebody else writes for longer than the timeout.
        """
        if immediate and not self.write:
            raise LedgerError(f"{self.location}: this ledger was opened for reading only")
        options = {IMMEDIATE: immediate}
        with self.translated_errors(), self._in_turn(immediate), self.engine.connect() as connection:
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def _in_turn(self, immediate: bool) -> Iterator[None]:
        if not immediate:
            yield
            return
        if not self.turn.acquire(timeout=self.timeout):
            raise LedgerError(
                f"{self.location}: locked by another thread for more than {self.timeout:g} s; wait for it and try again"
            )
        try:
            yield
        finally:
            self.turn.release()

    def close(self) -> None:
        """Let go of the file or the server."""
        self.engine.dispose()


def open_store(location: Path | str, *, write: bool, timeout: float, pooled: bool = False) -> Store:
    """The store at a path or a URL. A file is made where `write` is set and there is none.

    `pooled` keeps connections open between transactions, for a program that asks often.
    """
    place = parse_location(location)
    match place:
        case File(path):
            return Store(place, _file(path, write, timeout, pooled), write, timeout)
        case Server(url):
            require("postgres", str(place))
            return Store(place, postgres(url, timeout=timeout, pooled=pooled), write, timeout)


def _file(path: Path, write: bool, timeout: float, pooled: bool) -> Engine:
    with storage(path):
        if not write and not path.is_file():
            raise LedgerError(f"{path}: there is no ledger here; `accord import` makes one")
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
        make_private(path)
    return sqlite(path, write=write, timeout=timeout, pooled=pooled)


def enable_wal(store: Store) -> None:
    """Let readers of an SQLite file go on while somebody writes (write-ahead log); PostgreSQL always does."""
    if isinstance(store.location, File):
        with store.translated_errors(), closing(store.engine.raw_connection()) as raw:
            switch_to_wal(raw.cursor(), store.timeout)


def switch_to_wal(cursor: DBAPICursor | sqlite3.Cursor, timeout: float) -> None:
    """Change the journal's mode, trying again for `timeout` seconds: SQLite itself may not wait for this lock."""
    deadline = monotonic() + timeout
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or monotonic() > deadline:
                raise
            sleep(0.01)
        else:
            return


_ONE_AT_A_TIME = threading.Lock()  # Alembic's context belongs to the process


def migrate(store: Transactional, package: str, version_table: str) -> None:
    """Bring the tables that the migrations of `package` make up to the newest version.

    All of it is one transaction in which nobody else writes, so any number of processes may do this at once.
    `version_table` keeps what was done. Raises `LedgerError` where the tables are newer than the package.
    """
    from alembic.runtime.environment import EnvironmentContext
    from alembic.util import CommandError

    with _ONE_AT_A_TIME, store.begin(immediate=True) as connection:
        config, scripts = _migrations(package)
        config.attributes.update(connection=connection, version_table=version_table)
        try:
            # What Alembic's own `upgrade` does, but for the scripts, which that reads anew each time.
            with EnvironmentContext(config, scripts, fn=lambda now, _: scripts._upgrade_revs("head", now)):
                scripts.run_env()
        except CommandError as error:
            if "locate revision" not in str(error):
                raise
            raise LedgerError(
                f"{store.location}: its tables ({version_table}) are of a newer accord; update it"
            ) from error
        finally:
            config.attributes.clear()


@cache
def _migrations(package: str) -> "tuple[Config, ScriptDirectory]":
    """Those of a package, read once."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(files(package)).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def run_migrations() -> None:
    """What the `env.py` of a package of migrations calls: they run in the transaction that `migrate` began."""
    from alembic import context

    attributes = context.config.attributes
    context.configure(connection=attributes["connection"], version_table=attributes["version_table"])
    context.run_migrations()
