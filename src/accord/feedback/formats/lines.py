"""Reading lines of JSON so that an error names file, line and field."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from accord.errors import RecordError, storage
from accord.feedback.formats.registry import GZIP
from accord.feedback.provenance import neutral_order
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Record, parse

__all__ = ["Row", "compared", "lines", "rows", "shared"]

R = TypeVar("R", bound=BaseModel)


class Row(BaseModel):
    """A line of somebody else's file: strict, no unknown fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """The lines of a file that are not blank, each with its place `file:number`. Gzip is unpacked on the way.

    Raises `StorageError` where the file cannot be read, `RecordError` where its compression is damaged.
    """
    with storage(path):
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        number = 0
        try:
            with gzip.open(path) if packed else path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        yield f"{path.name}:{number}", line
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise RecordError(
                f"the compressed file is damaged or cut short ({error})", place=f"{path.name}:{number + 1}"
            ) from error


def rows(path: Path, kind: type[R]) -> Iterator[tuple[str, R]]:
    """The lines of a file as rows of this kind, each with its place. Raises `RecordError` naming line and field."""
    for place, line in lines(path):
        yield place, parse(kind, line, place=place)


def shared(first: Sequence[object], second: Sequence[object]) -> int:
    """How many items at the start of both are the same."""
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def compared(prompt: Prompt, chosen: str, rejected: str, evaluator: Evaluator, study: str) -> Iterator[Record]:
    """The records of one preference whose order on the screen is not known.

    The completions stand in the order of a digest of their texts, so that no preference for a side can be read in.
    """
    better = Completion(prompt=prompt.id, text=chosen)
    worse = Completion(prompt=prompt.id, text=rejected)
    in_order = neutral_order(better, worse)
    yield prompt
    yield from in_order
    yield Feedback(
        evaluator=evaluator.id,
        prompt=prompt.id,
        completions=(in_order[0].id, in_order[1].id),
        judgement=Comparison(preferred="left" if in_order[0].id == better.id else "right"),
        study=study,
    )
