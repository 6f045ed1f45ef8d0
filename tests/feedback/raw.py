"""A store without accord: SQL as anybody may send it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

__all__ = ["REFUSED", "connected", "rows"]

REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError)


@contextmanager
def connected(where: Path | str) -> Iterator[Any]:
    """A connection to the file or the URL; every statement is a transaction of its own."""
    if isinstance(where, Path):
        with closing(sqlite3.connect(where, isolation_level=None)) as connection:
            yield connection
    else:
        with closing(psycopg.connect(where, autocommit=True)) as connection:
            yield connection


def rows(where: Path | str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of one query."""
    with connected(where) as connection:
        return [tuple(row) for row in connection.execute(statement).fetchall()]
