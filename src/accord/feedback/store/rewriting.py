"""Rewriting a database, so that what was deleted is no longer in its files, without holding anybody up.

Whoever reads an older state needs what stood in it, so it stays where it is until they are done; that is told.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from accord.feedback.store.database import Store
from accord.feedback.store.location import File

__all__ = ["rewrite"]

BRIEFLY = 500  # milliseconds that others may have to wait for the rewriting, or it for them
LOCKED = "55P03"  # PostgreSQL's lock_not_available


def rewrite(store: Store, tables: Sequence[str]) -> str:
    """Overwrite what was deleted: the whole file (SQLite), or these tables (PostgreSQL).

    Returns what is left on the disk, and why; "" where nothing is.
    """
    return _sqlite(store) if isinstance(store.location, File) else _postgres(store, tables)


def _sqlite(store: Store) -> str:
    with store.translated_errors(), closing(store.engine.raw_connection()) as raw:
        cursor = raw.cursor()
        cursor.execute("PRAGMA query_only=OFF")
        cursor.execute(f"PRAGMA busy_timeout={BRIEFLY}")
        try:
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            busy = True
        finally:
            cursor.execute(f"PRAGMA busy_timeout={round(store.timeout * 1000)}")
    return f"{store.location} and its write-ahead log, since somebody else is at work on it" if busy else ""


def _postgres(store: Store, tables: Sequence[str]) -> str:
    reasons: dict[str, str] = {}
    with store.translated_errors(), store.engine.connect() as connection:
        outside = connection.execution_options(isolation_level="AUTOCOMMIT")
        outside.exec_driver_sql(f"SET lock_timeout = {BRIEFLY}")
        try:
            for table in tables:
                if why := _vacuum(outside, table):
                    reasons[table] = why
        finally:
            outside.exec_driver_sql("RESET lock_timeout")
    return "; ".join(f"{table}, since {why}" for table, why in reasons.items())


def _vacuum(connection: Connection, table: str) -> str:
    """Rewrite one table; why something of it is left, or ""."""
    with _kept_rows(connection) as row_counts:
        try:
            connection.exec_driver_sql(f'VACUUM (FULL, VERBOSE) "{table}"')
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCKED:
                raise
            return "somebody else holds it (a dump, perhaps)"
    return "somebody reads a state from before" if sum(row_counts) else ""


@contextmanager
def _kept_rows(connection: Connection) -> Iterator[list[int]]:
    """The numbers of deleted rows that the server says it had to keep, as it says them."""
    row_counts: list[int] = []
    driver: Any = connection.connection.driver_connection

    def noticed(notice: Any) -> None:
        if number := re.match(r"\d+", notice.message_detail or ""):
            row_counts.append(int(number[0]))

    driver.add_notice_handler(noticed)
    try:
        yield row_counts
    finally:
        driver.remove_notice_handler(noticed)
