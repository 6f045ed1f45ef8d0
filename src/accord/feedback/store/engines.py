"""Connections to the two stores, so that a transaction means the same on both.

                        SQLite                           PostgreSQL
    one writer          BEGIN IMMEDIATE                  an advisory lock, held until the commit is visible
    a reader sees       the state at its first statement REPEATABLE READ
    a reader's write    refused: PRAGMA query_only       refused: READ ONLY
    acknowledged is     synced: synchronous=FULL         synced: synchronous_commit is not off
    waiting             busy timeout                     lock_timeout

So the rows of a ledger are in the order of the commits, and nobody sees row n + 1 before row n.
"""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from accord.feedback.store.tables import APPLICATION_ID

__all__ = ["IMMEDIATE", "postgres", "sqlite"]

IMMEDIATE = "accord_immediate"
"""The execution option of a connection whose transactions write."""

CONNECTIONS = 16


def sqlite(path: Path, *, write: bool, timeout: float, pooled: bool) -> Engine:
    """An engine for an SQLite file; the file is made where `write` is set and nothing is there.

    Reading, too, opens it for writing where it may: whoever is last can then clear the write-ahead log away. That no
    statement writes is seen to when a transaction begins.
    """
    uri = f"file:{quote(str(path.resolve()))}?mode={'rwc' if write else 'rw'}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=timeout, check_same_thread=False),
        **_pool(pooled, timeout),
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if immediate else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def postgres(url: URL, *, timeout: float, pooled: bool) -> Engine:
    """An engine for a PostgreSQL database. Needs psycopg (the extra `postgres`)."""
    engine = create_engine(
        url,
        connect_args={"connect_timeout": max(2, int(timeout)), "client_encoding": "utf8", "keepalives_idle": 30},
        pool_pre_ping=pooled,
        **_pool(pooled, timeout),
    )

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql(writing(timeout) if immediate else READING)

    return engine


READING = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


def writing(timeout: float) -> str:
    """What a transaction that writes begins with on PostgreSQL.

    READ COMMITTED, because a snapshot from before the wait for the lock would not see what was written meanwhile.
    """
    return (
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE; "
        f"SET LOCAL lock_timeout = {max(1, round(timeout * 1000))}; "
        f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"
    )


def _pool(pooled: bool, timeout: float) -> dict[str, Any]:
    if not pooled:
        return {"poolclass": NullPool}
    return {"poolclass": QueuePool, "pool_size": CONNECTIONS, "max_overflow": CONNECTIONS, "pool_timeout": timeout}
