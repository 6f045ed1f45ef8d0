"""JSON that training software writes: with NaN, and in files whose last line may not be whole yet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accord.errors import RecordError, storage
from accord.feedback.formats.containers.text import compression_of, decoded_lines
from accord.feedback.formats.json_text import words_of
from accord.feedback.formats.rows import BadRow, SourceRow

__all__ = ["json_object", "running_lines"]

_DECODER = json.JSONDecoder(parse_constant=float)  # NaN and Infinity, which Python's writer knows
STILL_WRITING = "if the run still goes on, ask again when it has written the file"


def running_lines(path: Path) -> tuple[list[SourceRow], bool]:
    """The objects of a file, one a line, and whether its last line is not whole and was left out.

    Only a last line without an end may be cut short. Raises `RecordError` that names the line where another one is not
    an object, `StorageError` where the file cannot be read.
    """
    rows: list[SourceRow] = []
    bad: RecordError | None = None
    for number, line in _lines(path):
        if bad is not None:
            raise bad
        try:
            rows.append(SourceRow(f"{path.name}:{number}", _object(line, f"{path.name}:{number}")))
        except RecordError as error:
            bad = error  # raised unless it was the last line
    if bad is not None and _is_ended(path):
        raise bad
    return rows, bad is not None


def _lines(path: Path) -> Iterator[tuple[int, str | BadRow]]:
    """Numbered lines that are not blank."""
    for number, line in decoded_lines(path):
        if isinstance(line, BadRow) or line.strip():
            yield number, line


def _object(line: str | BadRow, place: str) -> dict[str, Any]:
    if isinstance(line, BadRow):
        raise line.problem
    try:
        content = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise RecordError(words_of(error, line), place=place) from error
    if not isinstance(content, dict):
        raise RecordError(f"expected an object, {{...}}, not {line.strip()[:40]!r}", place=place)
    return content


def _is_ended(path: Path) -> bool:
    """Whether the last line has its end; what is compressed counts as ended."""
    if compression_of(path) is not None:
        return True
    with storage(path), path.open("rb") as file:
        file.seek(0, 2)
        if file.tell() == 0:
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def json_object(path: Path) -> dict[str, Any]:
    """The object that a file holds. Raises `RecordError` that names the line, `StorageError` where it is unreadable."""
    with storage(path):
        content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecordError(f"byte {error.start + 1} is no UTF-8", place=f"{path.name}:{line}") from error
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        problem = f"{words_of(error, text)}; {STILL_WRITING}"
        raise RecordError(problem, place=f"{path.name}:{line}") from error
    if not isinstance(value, dict):
        raise RecordError(f"expected an object, {{...}}, not {text.strip()[:40]!r}", place=f"{path.name}:1")
    return value
