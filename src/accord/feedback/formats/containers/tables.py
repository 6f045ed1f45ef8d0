"""Rows in tables: CSV and TSV, Parquet, Arrow and Feather; a slice at a time."""

import csv
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accord.errors import RecordError, storage
from accord.feedback.formats.containers.text import text_lines
from accord.feedback.formats.rows import BadRow, SourceRow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_rows", "delimited_rows", "parquet_rows"]

AT_ONCE = 256
LONGEST = 2**31 - 1  # characters of a cell
UNREADABLE = (
    ValueError,
    OverflowError,
    LookupError,
)  # of dates, zones and texts that Python does not know; Arrow's too


def delimited_rows(path: Path, delimiter: str) -> Iterator[SourceRow | BadRow]:
    """Rows of cells behind a row of names; every cell is a text, and an empty one is not there.

    Raises `RecordError` where names are missing or stand twice, or a quoted cell has no end.
    """
    csv.field_size_limit(LONGEST)
    reader = csv.reader((line for _, line in text_lines(path)), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    while True:
        place = f"{path.name}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise RecordError(f"the cells cannot be told apart ({error})", place=place) from error
        if not cells:
            continue
        if names is None:
            names = _names(cells, place)
        elif len(cells) != len(names):
            yield BadRow(RecordError(f"{len(cells)} cells under {len(names)} names", place=place), cells)
        else:
            yield SourceRow(place, {name: cell or None for name, cell in zip(names, cells, strict=True)})


def _names(cells: list[str], place: str) -> list[str]:
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, start=1)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecordError(f"the name {twice[0]!r} stands twice in the first row", place=place)
    return names


def parquet_rows(path: Path) -> Iterator[SourceRow | BadRow]:
    """The rows of a Parquet file. Raises `RecordError` where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with storage(path):
        try:
            with pq.ParquetFile(path) as file:
                yield from _rows(path, file.iter_batches(batch_size=AT_ONCE))
        except (pa.ArrowInvalid, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
                raise
            raise RecordError(f"the Parquet file is damaged or cut short ({_line(error)})", place=path.name) from error


def arrow_rows(path: Path) -> Iterator[SourceRow | BadRow]:
    """The rows of an Arrow or Feather file, or of a stream of Arrow. Raises `RecordError` where it is damaged."""
    import pyarrow as pa

    with storage(path):
        try:
            with pa.memory_map(str(path)) as file:
                yield from _rows(path, _batches(file))
        except pa.ArrowInvalid as error:
            raise RecordError(f"the Arrow file is damaged or cut short ({_line(error)})", place=path.name) from error


def _batches(file: "pa.NativeFile") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    if file.read(6) == b"ARROW1":
        reader = pa.ipc.open_file(file)
        yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
    else:
        file.seek(0)
        yield from pa.ipc.open_stream(file)


def _rows(path: Path, batches: Iterator["pa.RecordBatch"]) -> Iterator[SourceRow | BadRow]:
    number = 0
    for batch in batches:
        names = batch.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RecordError(
                f"the column {twice[0]!r} stands twice; which of the two counts is not said", place=path.name
            )
        for start in range(0, batch.num_rows, AT_ONCE):
            piece = batch.slice(start, AT_ONCE)
            try:
                contents: Iterable[dict[str, Any] | None] = piece.to_pylist(maps_as_pydicts="lossy")
            except UNREADABLE:
                contents = repeat(None, piece.num_rows)
            for at, content in enumerate(contents):
                number += 1
                place = f"{path.name} row {number}"
                yield _row(piece, at, place) if content is None else SourceRow(place, content)


def _row(batch: "pa.RecordBatch", at: int, place: str) -> SourceRow | BadRow:
    """One row, value by value, where a value that Python cannot hold is among its neighbours or in it."""
    content: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            content[name] = column[at].as_py(maps_as_pydicts="lossy")
        except UNREADABLE as error:
            problem = f"a value of the type {column.type} that cannot be read ({_reason(error)})"
            return BadRow(RecordError(problem, place=f"{place} {name}"), content)
    return SourceRow(place, content)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "no UTF-8"
    return "its time zone is not known here" if "zoneinfo" in str(error) else _line(error)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
