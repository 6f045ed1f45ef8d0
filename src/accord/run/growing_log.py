"""A log that grows by a line a step while its stage runs, and is cut back to the last checkpoint on resume."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import ArtefactError, storage
from accord.run.files import sync, write_whole

__all__ = ["GrowingLog", "LogMark"]


@dataclass(frozen=True)
class LogMark:
    """How far a log had come: its length, and the SHA-256 of all until there."""

    bytes: int
    sha256: str


class GrowingLog:
    """JSON lines that grow while a stage runs. A line that was cut short by a kill is not a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = 0
        self._hash: Any = None  # of all whole lines; None where it is not known what the file holds

    def append(self, *rows: str | dict[str, Any]) -> None:
        """Add rows and hand them to the operating system; a string is a row that is JSON already.

        A torn last line is dropped first.
        """
        text = "".join((row if isinstance(row, str) else json.dumps(row, allow_nan=False)) + "\n" for row in rows)
        content = text.encode()
        with storage(self.path):
            self._take_up()
            known, self._hash = self._hash, None
            with self.path.open("ab") as file:
                file.write(content)
        known.update(content)
        self._hash, self._bytes = known, self._bytes + len(content)

    def mark(self) -> LogMark:
        """Have all lines so far put on the disk, and say how far the log has come."""
        with storage(self.path):
            self._take_up()
            self.path.touch()
            sync(self.path)
            sync(self.path.parent)
        return LogMark(self._bytes, self._hash.hexdigest())

    def cut_back(self, mark: LogMark | None) -> None:
        """Keep what was there at the mark, nothing where there is none: what was logged since then comes again.

        Raises `ArtefactError` where the log does not hold any more what it held then.
        """
        self._hash = None
        if mark is None:
            write_whole(self.path, b"")
            return
        with storage(self.path):
            begin = _hash_of(self.path, mark.bytes)
            if begin is None or begin.hexdigest() != mark.sha256:
                raise ArtefactError(
                    f"{self.path}: not what it was at the last checkpoint (cut off or altered since); start its stage "
                    "again with --again"
                )
            os.truncate(self.path, mark.bytes)
            sync(self.path)
        self._hash, self._bytes = begin, mark.bytes

    def rows(self) -> list[dict[str, Any]]:
        """All whole rows so far. Raises `ArtefactError` where a line before the last is damaged."""
        if not self.path.is_file():
            return []
        complete = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            try:
                complete.append(json.loads(line))
            except ValueError as error:
                raise ArtefactError(f"{self.path}:{number}: a damaged line; run its stage again") from error
        return complete

    def _take_up(self) -> None:
        """Find out what the file holds where that is not known, and drop a torn last line."""
        if self._hash is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._hash, self._bytes = hashlib.sha256(), 0
        if self.path.is_file():
            content = self.path.read_bytes()
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(self.path, len(whole))
            self._hash, self._bytes = hashlib.sha256(whole), len(whole)


def _hash_of(path: Path, size: int) -> Any:
    """The hash of the first `size` bytes of a file; None where it has not so many."""
    if not path.is_file() or path.stat().st_size < size:
        return None
    digest, remaining = hashlib.sha256(), size
    with path.open("rb") as file:
        while remaining and (part := file.read(min(remaining, 1 << 20))):
            digest.update(part)
            remaining -= len(part)
    return digest
