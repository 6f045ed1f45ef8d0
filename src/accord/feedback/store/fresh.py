"""A ledger to fill, that leaves nothing behind where nothing came into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accord.errors import storage
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File, parse_location

__all__ = ["ledger_to_fill"]


@contextmanager
def ledger_to_fill(location: Path | str, *, pooled: bool = False) -> Iterator[Ledger]:
    """The ledger there, made where there is none; a file that was made here goes again where the block fails.

    It stays where something has come into it. What was there before is never taken away.
    """
    where = parse_location(location)
    with storage(location):
        made = isinstance(where, File) and not where.path.exists()
    filled = False
    try:
        with Ledger(location, pooled=pooled) as ledger:
            try:
                yield ledger
                filled = True
            finally:
                filled = filled or any(ledger.counts().values())
    finally:
        if made and not filled and isinstance(where, File):
            for ending in ("", "-wal", "-shm", "-journal"):
                Path(f"{where.path}{ending}").unlink(missing_ok=True)
