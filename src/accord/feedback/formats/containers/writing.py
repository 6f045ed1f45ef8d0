"""Rows written into the file that its name says: JSON lines, a list, cells or Parquet, whole or not at all."""

import csv
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from accord.errors import LedgerError
from accord.feedback.store.atomic_write import atomic_file

__all__ = ["WRITABLE", "write_rows"]

AT_ONCE = 2_000
Rows = Iterable[Mapping[str, Any]]


def write_rows(path: Path, rows: Rows) -> int:
    """Write rows to a file; how many. Raises `StorageError` where it cannot be written, `LedgerError` for its name."""
    name = path.name.lower()
    packed = next((end for end in (".gz", ".zst") if name.endswith(end)), "")
    suffix = Path(name.removesuffix(packed)).suffix
    if suffix not in WRITABLE or (packed and suffix == ".parquet"):
        raise LedgerError(f"{path}: rows can be written to a name that ends in {', '.join(WRITABLE)}")
    with atomic_file(path) as beside:
        if suffix == ".parquet":
            return _parquet(beside, rows)
        with _text(beside, packed) as file:
            return WRITABLE[suffix](file, rows)


@contextmanager
def _text(path: Path, packed: str) -> Iterator[IO[str]]:
    """A file to write text to, packed as its name says; the same text gives the same bytes."""
    if packed == ".gz":
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file,
            TextIOWrapper(file, encoding="utf-8", newline="") as text,
        ):
            yield text
    elif packed == ".zst":
        import pyarrow as pa

        with pa.CompressedOutputStream(str(path), "zstd") as file, TextIOWrapper(file, "utf-8", newline="") as text:
            yield text
    else:
        with path.open("w", encoding="utf-8", newline="") as text:
            yield text


def _lines(file: IO[str], rows: Rows) -> int:
    written = 0
    for row in rows:
        written += 1
        file.write(_json(row) + "\n")
    return written


def _list(file: IO[str], rows: Rows) -> int:
    number = 0
    for number, row in enumerate(rows, start=1):
        file.write(("[\n" if number == 1 else ",\n") + _json(row))
    file.write("\n]\n" if number else "[]\n")
    return number


def _cells(delimiter: str) -> Callable[[IO[str], Rows], int]:
    def write(file: IO[str], rows: Rows) -> int:
        with _spooled(rows) as (names, again):
            table = csv.writer(file, delimiter=delimiter)
            number = 0
            for number, row in enumerate(again(), start=1):
                if number == 1:
                    table.writerow(names)
                table.writerow([_cell(row.get(name)) for name in names])
            return number

    return write


def _parquet(path: Path, rows: Rows) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _spooled(rows) as (names, again):
        try:
            schemas = [pa.table(_columns(names, chunk)).schema for chunk in _chunks(again())] or [pa.schema({})]
            schema = pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            reason = str(error).splitlines()[0]
            raise LedgerError(f"{path.stem}: values of different kinds in a column ({reason}); write .jsonl") from error
        number = 0
        with pq.ParquetWriter(path, schema, compression="zstd") as file:
            for chunk in _chunks(again()):
                file.write_table(pa.table(_columns(names, chunk), schema=schema))
                number += len(chunk)
    return number


def _columns(names: list[str], rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in names}


@contextmanager
def _spooled(rows: Rows) -> Iterator[tuple[list[str], Callable[[], Iterator[dict[str, Any]]]]]:
    """The names of all columns in the order in which they first come, and the rows, to be read as often as needed."""
    with TemporaryFile("w+", encoding="utf-8") as spool:
        names: dict[str, None] = {}
        for row in rows:
            names |= dict.fromkeys(row)
            spool.write(_json(row) + "\n")

        def again() -> Iterator[dict[str, Any]]:
            spool.seek(0)
            return (json.loads(line) for line in spool)

        yield list(names), again


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in rows:
        yield [first, *islice(rows, AT_ONCE - 1)]


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return _json(value) if isinstance(value, list | dict | bool) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


WRITABLE: dict[str, Callable[[IO[str], Rows], int]] = {
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": _list,
    ".csv": _cells(","),
    ".tsv": _cells("\t"),
    ".parquet": lambda file, rows: 0,
}
