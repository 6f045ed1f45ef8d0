"""What SQLite refuses, said in one clear line."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from accord.errors import AccordError, LedgerError, StorageError

__all__ = ["refusals"]


@contextmanager
def refusals(path: Path, timeout: float) -> Iterator[None]:
    """Turn SQLite's refusals inside the block into a `LedgerError` or `StorageError` about `path`."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        said = _said(path, timeout, error.orig if isinstance(error, DBAPIError) else error)
        if said is None:
            raise
        raise said from error


def _said(path: Path, timeout: float, error: BaseException | None) -> AccordError | None:
    if not isinstance(error, sqlite3.Error):
        return None
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerError(
                f"{path}: locked by another process for more than {timeout:g} s; wait for it, or end it, and try again"
            )
        case sqlite3.SQLITE_FULL:
            return StorageError(f"{path}: the disk is full; free some space and run the same command again")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StorageError(f"{path}: cannot be opened or written; choose a file in a folder that can be written")
        case sqlite3.SQLITE_IOERR:
            return StorageError(f"{path}: the disk refused ({error}); check it and run the same command again")
        case sqlite3.SQLITE_NOTADB:
            return LedgerError(f"{path}: not a ledger; choose another file")
        case sqlite3.SQLITE_CORRUPT:
            return LedgerError(f"{path}: a damaged ledger ({error}); restore it from a copy")
        case sqlite3.SQLITE_CONSTRAINT:
            return LedgerError(f"{path}: {error}")
        case _:
            return None
