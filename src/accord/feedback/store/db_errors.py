"""What a database refuses, said in one clear line."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from accord.errors import AccordError, LedgerError, StorageError

__all__ = ["translate_errors"]

FULL = "the disk is full; free some space and run the same command again"
ROOM = 1 << 16  # bytes that SQLite takes at once: a page, and the index of what is not yet in the file


@contextmanager
def translate_errors(location: str, timeout: float) -> Iterator[None]:
    """Turn the database's refusals inside the block into a `LedgerError` or `StorageError` about `location`."""
    try:
        yield
    except PoolTimeout as error:
        raise LedgerError(f"{location}: no connection became free for {timeout:g} s; ask for less at once") from error
    except (DBAPIError, sqlite3.Error) as error:
        translated = _said(location, timeout, error.orig if isinstance(error, DBAPIError) else error)
        if translated is None:
            raise
        raise translated from error


def _said(location: str, timeout: float, error: BaseException | None) -> AccordError | None:
    if isinstance(error, sqlite3.Error):
        return _by_sqlite(location, timeout, error)
    if error is not None and hasattr(error, "sqlstate"):
        return _by_postgres(location, timeout, error, error.sqlstate or "")
    return None


def _locked(location: str, timeout: float) -> LedgerError:
    return LedgerError(
        f"{location}: locked by another process for more than {timeout:g} s; wait for it, or end it, and try again"
    )


def _by_sqlite(location: str, timeout: float, error: sqlite3.Error) -> AccordError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _locked(location, timeout)
        case sqlite3.SQLITE_FULL:
            return StorageError(f"{location}: {FULL}")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StorageError(f"{location}: cannot be opened or written; choose a folder that can be written")
        case sqlite3.SQLITE_IOERR if _has_no_room(location):
            # What SQLite keeps beside the ledger is mapped into memory, and a full disk is told as any other refusal.
            return StorageError(f"{location}: {FULL}")
        case sqlite3.SQLITE_IOERR:
            return StorageError(f"{location}: the disk refused ({error}); check it and run the same command again")
        case sqlite3.SQLITE_NOTADB:
            return LedgerError(f"{location}: not a ledger; choose another file")
        case sqlite3.SQLITE_CORRUPT:
            return LedgerError(f"{location}: a damaged ledger ({error}); restore it from a copy")
        case sqlite3.SQLITE_CONSTRAINT:
            return LedgerError(f"{location}: {error}")
        case _:
            return None


def _has_no_room(location: str) -> bool:
    """Whether the disk that a ledger is on has no room for a page of it and of what SQLite keeps beside it."""
    try:
        return shutil.disk_usage(Path(location).parent).free < ROOM
    except OSError:
        return False


def _by_postgres(location: str, timeout: float, error: BaseException, sqlstate: str) -> AccordError | None:
    """By SQLSTATE (PostgreSQL's manual, appendix A); without one, no server answered, or psycopg refused a value."""
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    match sqlstate[:2], sqlstate:
        case _, "55P03":
            return _locked(location, timeout)
        case _, "53100":
            return StorageError(f"{location}: {FULL}")
        case _, "42501":
            return LedgerError(f"{location}: {message}; ask the owner of the database for this right")
        case _, "25006":
            return LedgerError(f"{location}: {message}; a transaction that writes is begun with immediate=True")
        case "40", _:
            return LedgerError(f"{location}: {message}; nothing was written, try again")
        case (("23" | "22"), _):
            return LedgerError(f"{location}: {message}")
        case (("08" | "28" | "53" | "57" | "58"), _):
            return LedgerError(f"{location}: {message}; the same can be added again without harm")
        case "", _ if type(error).__name__ == "OperationalError":
            return LedgerError(
                f"{location}: {message}; does the server run, is the database there, may this user sign in?"
            )
        case "", _:
            return LedgerError(f"{location}: {message}")
        case _:
            return None
