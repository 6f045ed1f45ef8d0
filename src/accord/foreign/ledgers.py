"""Feedback alone: a ledger as the only input of a run that nobody made."""

from pathlib import Path

from accord.artefacts import COMPLETIONS, EVALUATORS
from accord.errors import storage
from accord.feedback import Ledger
from accord.feedback.dataset.files import record_ledger
from accord.feedback.store.location import is_url
from accord.run import RunDirectory

__all__ = ["ledger_at", "write_ledger"]

SQLITE = b"SQLite format 3\0"


def ledger_at(location: str) -> str | None:
    """The location where it is a database by its URL or by its first bytes; None where it is none.

    Raises `StorageError` where a file cannot be read.
    """
    if is_url(location):
        return location
    path = Path(location)
    with storage(path):
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return location if file.read(len(SQLITE)) == SQLITE else None


def write_ledger(run: RunDirectory, location: str) -> str:
    """Make a ledger the input of a run, with all who judged and all that was judged; says what it holds.

    Raises `LedgerError` where it is no ledger of accord's.
    """
    with Ledger(location, write=False) as ledger:
        completions, evaluators = ledger.completions(), ledger.evaluators()
        COMPLETIONS.write(run, completions.values())
        EVALUATORS.write(run, evaluators.values())
        record_ledger(run, ledger)
        return f"A ledger of {len(evaluators)} evaluators and {len(completions)} completions."
