"""A place in memory for what tests write: there a commit need not wait for a disk."""

import os
from pathlib import Path

import psutil

__all__ = ["in_memory"]

SHARED = Path("/dev/shm")
ROOM = 6 << 30  # bytes; whole runs and databases of both workers, until the end of a session


def in_memory() -> Path | None:
    """A folder in memory with room for all of it, where programs may lie too; None where there is none."""
    try:
        there = os.statvfs(SHARED)
    except OSError:
        return None
    room = min(there.f_bavail * there.f_frsize, psutil.virtual_memory().available)
    return None if there.f_flag & os.ST_NOEXEC or room < ROOM or not os.access(SHARED, os.W_OK) else SHARED
