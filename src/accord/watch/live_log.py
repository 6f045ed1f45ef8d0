"""A log of a run that may be growing, read on from where it was left.

A log grows by whole lines, but whoever looks may come in the middle of one: what has no line end yet is not a line. A
resumed stage cuts its log back to the last checkpoint, so what was read before is read anew where the file is another
one, is shorter, or does not hold the last line any more where it stood.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from json import loads
from math import isfinite
from pathlib import Path
from typing import Any

from accord.errors import storage

__all__ = ["LiveLog", "MetricsLog", "SampleLog", "SamplePlace", "StepRow", "newest_rows"]

PART = 1 << 22  # bytes read at once
END = 1 << 16  # bytes that the newest steps are looked for in
MOST_DAMAGES = 5  # lines that are named
StepRow = Mapping[str, float]
_NO_ROW = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


class LiveLog(ABC):
    """The whole lines of a file, handed on once each as `take(line, offset, number)`.

    Subclasses say what becomes of a line (`take`) and of all that was read where it is not there any more (`clear`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damages: list[str] = []
        self._file: tuple[int, int] | None = None
        self._offset = self._number = 0
        self._last: tuple[int, bytes] = (0, b"")

    @abstractmethod
    def take(self, line: bytes, offset: int) -> None:
        """A line that is whole, and the byte at which it begins. Raises `ValueError` where it is none of this log."""

    @abstractmethod
    def clear(self) -> None:
        """Forget all lines."""

    def read_on(self) -> None:
        """Take what has come since; a missing file is empty. Raises `StorageError` where it cannot be read."""
        with storage(self.path):
            try:
                handle = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                self._begin(None)
                return
            with os.fdopen(handle, "rb") as file:
                state = os.fstat(handle)
                name = state.st_dev, state.st_ino
                begin, line = self._last
                if name != self._file or state.st_size < self._offset or os.pread(handle, len(line), begin) != line:
                    self._begin(name)
                file.seek(self._offset)
                for each in _whole_lines(file):
                    self._number += 1
                    self._last = self._offset, each
                    self._take(each)
                    self._offset += len(each)

    def _take(self, line: bytes) -> None:
        try:
            self.take(line, self._offset)
        except _NO_ROW:
            if len(self.damages) < MOST_DAMAGES:
                self.damages.append(f"{self.path.name}:{self._number}: a damaged line; it is left out")

    def _begin(self, name: tuple[int, int] | None) -> None:
        self._file, self._offset, self._number, self._last = name, 0, 0, (0, b"")
        self.damages.clear()
        self.clear()


def _whole_lines(file: Any) -> Iterator[bytes]:
    """The lines from here on that have their end; the file may grow meanwhile."""
    rest = b""
    while part := file.read(PART):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line + b"\n"


@dataclass
class MetricsLog(LiveLog):
    """The numbers of each step of a stage that trains; `rows` are flat, with `components.length` for an entry."""

    path: Path
    rows: list[StepRow] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.path)

    def take(self, line: bytes, offset: int) -> None:
        """A step's row."""
        self.rows.append(_row(line))

    def clear(self) -> None:
        """Forget all rows."""
        self.rows.clear()


def _row(line: bytes) -> StepRow:
    row = loads(line)
    if not isinstance(row["step"], int) or isinstance(row["step"], bool):
        raise TypeError("a step is a whole number")
    return dict(_numbers(row))


def _numbers(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            yield f"{before}{key}", value


@dataclass(frozen=True)
class SamplePlace:
    """Where a sample stands in its log: the step that it was written at, and the bytes of its line."""

    step: int
    offset: int
    length: int


def newest_rows(path: Path) -> list[StepRow]:
    """The last steps of a log of steps, as many of them as stand in its last part; none where there is none.

    What cannot be read as a step is passed over. Raises `StorageError` where the file cannot be read.
    """
    with storage(path):
        try:
            with path.open("rb") as file:
                begin = max(0, os.fstat(file.fileno()).st_size - END)
                file.seek(begin)
                lines = file.read().split(b"\n")[1 if begin else 0 : -1]
        except FileNotFoundError:
            return []
    rows = []
    for line in lines:
        with suppress(*_NO_ROW):
            rows.append(_row(line))
    return rows


_STEP = re.compile(rb'[{,]\s*"step"\s*:\s*(\d{1,9})')
_PROMPT = re.compile(rb'[{,]\s*"prompt"\s*:\s*"([^"\\]{1,200})"')


@dataclass
class SampleLog(LiveLog):
    """The samples of a policy along its steps, of which only the places are kept: a log of a long run is large.

    places  of each prompt the first sample of each step, by prompt
    """

    path: Path
    places: dict[str, list[SamplePlace]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.path)

    def take(self, line: bytes, offset: int) -> None:
        """A sample's line. Quotes within a text are escaped in JSON, so no text can pass for a column."""
        step, prompt = _STEP.search(line), _PROMPT.search(line)
        if step is None or prompt is None:
            raise ValueError("no sample")
        places, number = self.places.setdefault(prompt[1].decode(), []), int(step[1])
        if not places or places[-1].step != number:
            places.append(SamplePlace(number, offset, len(line)))

    def clear(self) -> None:
        """Forget all places."""
        self.places.clear()

    def followed(self, most: int) -> list[str]:
        """The prompts that were written on at the most steps, the first ones first among equals."""
        ranked = sorted(self.places, key=lambda prompt: -len(self.places[prompt]))
        return ranked[:most]

    def line_at(self, place: SamplePlace) -> Mapping[str, Any] | None:
        """The sample at a place; None where the log was cut back meanwhile and another line, or none, stands there."""
        with storage(self.path):
            try:
                with self.path.open("rb") as file:
                    file.seek(place.offset)
                    row = loads(file.read(place.length))
            except (FileNotFoundError, ValueError):
                return None
        return row if isinstance(row, dict) and row.get("step") == place.step else None
