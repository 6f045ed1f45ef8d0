"""A copy of a ledger, taken while others write to it."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from accord.errors import LedgerError, StorageError
from accord.feedback.store.atomic_write import atomic_file
from accord.feedback.store.file_modes import close_to_others
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File, Server

__all__ = ["BackupSummary", "backup"]


@dataclass(frozen=True)
class BackupSummary:
    """What is in a copy: records by table, and the digest of its feedback."""

    counts: dict[str, int]
    digest: str


def backup(ledger: Ledger, to: Path | str) -> BackupSummary:
    """Copy the whole SQLite file of a ledger, with all tables that are kept in it, as it stands at one moment.

    Writers are not held up. The copy is one file, for its owner alone unless the original is a group's; it appears
    when it has been read back: every page, every reference, and the digest of its feedback against the ledger's.

    Raises `LedgerError` for a ledger on PostgreSQL (which has its own tool) and where the copy differs;
    `StorageError` where something is at `to` already, or it cannot be written.
    """
    to = Path(to)
    match ledger.store.location:
        case Server():
            raise LedgerError(
                f"{ledger.location}: a database is copied by PostgreSQL's own tool: "
                f"pg_dump --format=custom --file={to} --dbname='{ledger.location}'"
            )
        case File(path):
            if to.exists():
                raise StorageError(f"{to}: something of that name is already there; a backup overwrites nothing")
            with atomic_file(to) as beside:
                _clear(beside)
                _copy(ledger, beside)
                copied = _read_back(ledger, beside)
                shutil.copymode(path, beside)
                close_to_others(beside)
            return copied


def _clear(beside: Path) -> None:
    """What an attempt that was killed left would be taken for a part of the copy."""
    for ending in ("-wal", "-shm", "-journal"):
        beside.with_name(beside.name + ending).unlink(missing_ok=True)


def _copy(ledger: Ledger, beside: Path) -> None:
    """In one step, which sees one state; in several, every write of others would begin the copy anew."""
    with (
        ledger.store.translated_errors(),
        closing(ledger.store.engine.raw_connection()) as source,
        closing(sqlite3.connect(beside)) as target,
    ):
        driver = source.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")
        problems = [row[0] for row in target.execute("PRAGMA integrity_check") if row[0] != "ok"]
        problems += [f"{row[0]} row {row[1]} names nothing" for row in target.execute("PRAGMA foreign_key_check")]
    if problems:
        raise LedgerError(f"{ledger.location}: damaged ({problems[0]}); restore it from an earlier copy")


def _read_back(ledger: Ledger, beside: Path) -> BackupSummary:
    with Ledger(beside, write=False) as copy:
        upto, counts, digest = copy.last_row, copy.counts(), copy.digest()
    if ledger.digest(upto) != digest or ledger.rows(upto) != counts["feedback"]:
        raise LedgerError(f"{ledger.location}: its copy differs from it; check the disk and run the same command again")
    return BackupSummary(counts, digest)
