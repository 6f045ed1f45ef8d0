"""Files that hold what people said, and who they are, are nobody else's to read on a shared machine.

SQLite gives the write-ahead log and its index the rights of the database beside which they stand.
"""

import os
from pathlib import Path

from accord.errors import storage

__all__ = ["PRIVATE", "close_to_others", "make_private"]

PRIVATE = 0o600
OTHER_USERS = 0o007


def make_private(path: Path) -> None:
    """An empty file for its owner alone, whatever the umask, where there is none. Raises `StorageError`.

    A file that is there is not opened: closing it would take the locks off it that SQLite holds in this process.
    """
    with storage(path):
        if path.is_file():
            return
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, PRIVATE))


def close_to_others(path: Path) -> bool | None:
    """Take every right but the owner's from a database that all users of the machine may read, and from its log.

    Rights of a group alone were given on purpose and stay. Returns whether there was anything to take; None where it
    is another user's file.
    """
    files = [each for ending in ("", "-wal", "-shm", "-journal") if (each := Path(f"{path}{ending}")).exists()]
    wide = [each for each in files if each.stat().st_mode & OTHER_USERS]
    try:
        for each in wide:
            each.chmod(PRIVATE)
    except PermissionError:
        return None
    return bool(wide)
