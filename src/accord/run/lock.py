"""Who works on a run: a file that one process at a time holds locked, and in which it says which it is.

The system lets the lock go with the process, however that ends; what the file says stays. So a run is worked on where
the lock is held, and not where the file merely names a process.
"""

import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from accord.errors import ArtefactError, storage

__all__ = ["LOCK", "Holder", "holder_of", "take_lock"]

LOCK = ".lock"
"""The file that a process holds locked while it works on a run."""
TRIES = 10
BETWEEN = 0.02  # seconds; whoever looks holds the lock for a few microseconds


@dataclass(frozen=True)
class Holder:
    """The process that works on a run, as far as it said so.

    pid    its number; None where it did not say, as processes of earlier versions do not
    host   the machine that it runs on
    since  when it took the run up, in UTC
    """

    pid: int | None = None
    host: str = ""
    since: datetime | None = None


def take_lock(path: Path) -> int:
    """The handle of the locked file of a run, which names this process; closing it lets the run go.

    Raises `ArtefactError` where another process holds it, `StorageError` where it cannot be made.
    """
    with storage(path):
        handle = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle, path)
            words = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
            os.ftruncate(handle, 0)
            os.pwrite(handle, (json.dumps(words) + "\n").encode(), 0)
        except BaseException:
            os.close(handle)
            raise
    return handle


def _lock(handle: int, path: Path) -> None:
    for tried in range(1, TRIES + 1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if tried == TRIES:
                raise ArtefactError(f"{path}: another process is working on this run") from error
            time.sleep(BETWEEN)
        else:
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def holder_of(path: Path) -> Holder | None:
    """The process that works on the run at `path` now; None where none does.

    Nothing is written, and nobody is kept out: a process that wants the run at this very moment tries again. Raises
    `StorageError` where the file cannot be read.
    """
    with storage(path):
        try:
            handle = os.open(path / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(os.pread(handle, 4096, 0))
        finally:
            os.close(handle)
    return None


def _named(content: bytes) -> Holder:
    try:
        words = json.loads(content)
        return Holder(int(words["pid"]), str(words["host"]), datetime.fromisoformat(words["since"]))
    except (ValueError, TypeError, KeyError):
        return Holder()
