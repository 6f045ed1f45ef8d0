"""A file that appears whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accord.errors import storage
from accord.feedback.store.file_modes import make_private

__all__ = ["atomic_file"]


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """The path of a file beside `path`: fill it; it is synced and takes its place when the block ends well.

    It is for its owner alone, with whatever is in it.

    Raises `StorageError` where it cannot be written.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".part")
        beside.unlink(missing_ok=True)
        make_private(beside)
        try:
            yield beside
            _sync(beside)
            beside.replace(path)
            _sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
