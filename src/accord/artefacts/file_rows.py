"""The rows of a file of a run: a list where it is small, and of a large one what is read again in each pass."""

from array import array
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

from accord.artefacts.kinds import JsonLines
from accord.run import RunDirectory

__all__ = ["FileRows", "rows_of"]

T = TypeVar("T")
LARGEST_KEPT = 32_000_000  # bytes of a file whose rows are kept as objects, which take some seven times as much


def rows_of(lines: JsonLines[T], run: RunDirectory, stage: str) -> Sequence[T]:
    """The rows of a file, its digest checked. Raises as `JsonLines.read` does; of a large file in each pass."""
    small = run.verified(lines.path(stage)).stat().st_size <= LARGEST_KEPT
    return list(lines.read(run, stage)) if small else FileRows(lines, run, stage)


class FileRows(Sequence[T]):
    """The rows of a file that is too large to be held: where each begins is, and no row.

    Every pass reads the file, and checks its digest where it was touched since. A row by its place is read alone.
    """

    def __init__(self, lines: JsonLines[T], run: RunDirectory, stage: str) -> None:
        self._lines, self._run, self._stage = lines, run, stage
        self._starts = array("q", [0])
        with run.verified(lines.path(stage)).open("rb") as file:
            for line in file:
                self._starts.append(self._starts[-1] + len(line))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[T]:
        return self._lines.read(self._run, self._stage)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number = range(len(self))[place]  # raises IndexError as a list does
        path = self._run.verified(self._lines.path(self._stage))
        with path.open("rb") as file:
            file.seek(self._starts[number])
            return self._lines.decode(file.readline(), f"{path}:{number + 1}")
