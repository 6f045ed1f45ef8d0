"""The files that rows stand in, told from their first bytes and their names; rows come out one at a time."""

import json
from collections.abc import Iterator
from pathlib import Path

from accord.errors import RecordError, storage
from accord.feedback.formats.containers.datasets_library import folder_rows, hub_rows
from accord.feedback.formats.containers.json_rows import json_lines, json_stream
from accord.feedback.formats.containers.tables import arrow_rows, delimited_rows, parquet_rows
from accord.feedback.formats.containers.text import head_text
from accord.feedback.formats.json_text import DECODER
from accord.feedback.formats.rows import BadRow, SourceRow

__all__ = ["on_hub", "rows_of"]


def on_hub(path: Path, split: str | None) -> bool:
    """Whether this is no file but the name of a set on the hub: nothing is there, and a part of it is asked for."""
    return split is not None and not path.exists()


def rows_of(path: Path, split: str | None = None) -> Iterator[SourceRow | BadRow]:
    """The rows of a file, in its order. A row that cannot be read is a `BadRow`, and the next one follows.

    `split` is the part of a folder or of a name of `datasets`; a name takes one. Raises `StorageError` where the file
    cannot be opened, `RecordError` where what follows cannot be read at all.
    """
    if split is not None and on_hub(path, split):
        return hub_rows(str(path), split)
    if path.is_dir():
        return folder_rows(path, split)
    with storage(path), path.open("rb") as file:
        start = file.read(6)
    if start[:4] == b"PAR1":
        return parquet_rows(path)
    if start == b"ARROW1" or (path.suffix in (".arrow", ".feather") and start):
        return arrow_rows(path)
    return _text_rows(path)


def _text_rows(path: Path) -> Iterator[SourceRow | BadRow]:
    """JSON or cells; whatever the file is called, what begins as JSON is read as JSON."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    first, second = _first_lines(path)
    start = first[:1]
    if start == "[" or (start == "{" and _goes_on(first, second)):
        return json_stream(path)
    if start == "{" or not first:
        return json_lines(path)
    if ".tsv" in suffixes:
        return delimited_rows(path, "\t")
    if ".csv" in suffixes:
        return delimited_rows(path, "," if "," in first or ";" not in first else ";")
    if ".jsonl" in suffixes or ".json" in suffixes or ".ndjson" in suffixes:
        return json_lines(path)
    raise RecordError(
        f"begins with {first[:30].rstrip()!r}, which is no JSON, and the name does not end in .csv or .tsv",
        place=f"{path.name}:1",
    )


def _first_lines(path: Path) -> tuple[str, str]:
    """The first line that is not blank, and what stands behind it, as far as both are in the head of the file."""
    first, _, rest = head_text(path).lstrip().partition("\n")
    return first.rstrip(), rest.lstrip()


def _goes_on(first: str, rest: str) -> bool:
    """Whether the object that a line begins goes on in the next one; a line that is cut short does not."""
    if first.endswith("}") or not rest:
        return False
    text = f"{first}\n{rest}".rstrip()
    try:
        DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos <= len(first) + 1:
            return False
        return error.pos >= len(text) or not _is_object(rest.partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(line: str) -> bool:
    try:
        return isinstance(DECODER.decode(line), dict)
    except (ValueError, RecursionError):
        return False
