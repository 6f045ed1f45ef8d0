"""Reading lines of JSON so that an error names file, line and field."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from accord.errors import RecordError, storage
from accord.records import parse

__all__ = ["Row", "lines", "rows"]

GZIP = b"\x1f\x8b"
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
