"""What a reward server was asked, kept a line a text for `accord audit --from openrlhf` (`foreign/served_scores`)."""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from accord.errors import ArtefactError, storage
from accord.feedback.formats.messages import dicts_of
from accord.foreign.served_scores import FILE
from accord.handover.openrlhf_texts import AskedText

__all__ = ["ScoreLog"]


class ScoreLog:
    """The file of one server, which goes on where it ended: a line that a kill cut short is taken away first.

    `versions` are those of the rewards, by name. Raises `ArtefactError` where another server writes to it,
    `StorageError` where it cannot be written.
    """

    def __init__(self, folder: Path, versions: Mapping[str, str]) -> None:
        self.path = folder / FILE
        self._versions = {f"{name}_version": version for name, version in versions.items()}
        with storage(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ArtefactError(f"{self.path}: another server writes to it; name another --record folder") from error
        with storage(self.path):
            self._asked = self._mend()

    def _mend(self) -> int:
        """How many whole lines there are; what stands behind the last of them goes."""
        self._file.seek(0)
        lines = end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            lines, end = lines + 1, end + len(line)
        self._file.truncate(end)
        self._file.seek(0, os.SEEK_END)
        return lines

    @property
    def text_count(self) -> int:
        """How many texts it holds."""
        return self._asked

    def add(self, texts: Sequence[AskedText], scores: Sequence[Mapping[str, Any]]) -> None:
        """Keep texts and the numbers of each. Raises `StorageError` where they cannot be written."""
        lines = []
        for number, (text, numbers) in enumerate(zip(texts, scores, strict=True), start=self._asked):
            about = {"asked": number, "prompt": dicts_of(text.prompt.messages), "text": text.text}
            row = about | {"ended": text.is_ended} | dict(numbers) | self._versions
            lines.append(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
        with storage(self.path):
            self._file.write("".join(lines).encode())
            self._file.flush()
        self._asked += len(texts)

    def close(self) -> None:
        """Let the file go."""
        with storage(self.path):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
