"""Which format a file is of, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import LedgerError
from accord.feedback.formats.containers.text import head_of
from accord.feedback.formats.meanings import meaning_of
from accord.feedback.formats.registry import FORMATS, Format

__all__ = ["Recognised", "format_of_file", "format_of_rows", "format_to_write", "named_format"]


@dataclass(frozen=True)
class Recognised:
    """A format, and in words why a file is of it."""

    format: Format
    reason: str


def named_format(name: str) -> Recognised:
    """The format that was named, to read by. Raises `LedgerError` where there is none, or it cannot be read."""
    form = FORMATS.get(name)
    if not form.reads:
        raise LedgerError(f"the format '{name}' can be written, not read; choose one of {_names(_readers())}")
    return Recognised(form, "named by --format")


def format_of_file(path: Path) -> Recognised | None:
    """The format that is no table and recognises the file itself; None where none does, or there is no file."""
    choice = [form for form in _readers() if form.recognises_path is not None]
    if not choice or path.is_dir() or not path.exists():
        return None
    return _only(
        [(form, form.recognises_path and form.recognises_path(path.name, head_of(path))) for form in choice], path
    )


def format_of_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> Recognised:
    """The only format that recognises the first rows or, where none does, most of them: those of the same columns.

    Raises `LedgerError` where none or several do.
    """
    usual = _of_usual_columns(rows)
    for some in (rows, usual) if len(usual) < len(rows) < 2 * len(usual) else (rows,):
        for fallback in (False, True):
            choice = [form for form in _readers() if form.recognises is not None and form.fallback == fallback]
            if fitting := _only([(form, form.recognises and form.recognises(some)) for form in choice], path):
                return fitting
    columns = dict.fromkeys(name for row in rows for name in row)
    raise LedgerError(
        f"{path}: no format recognises it by its columns ({', '.join(columns)}); say what they are"
        f"{''.join(_hints(columns))}, or give --format, one of {_names(_readers())}"
    )


def _of_usual_columns(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows that have the columns that most rows have."""
    counts = Counter(frozenset(row) for row in rows)
    return [row for row in rows if row.keys() == max(counts, key=counts.__getitem__, default=frozenset())]


def _hints(columns: Iterable[str]) -> Iterator[str]:
    """How columns whose names mean something would be mapped."""
    for name in columns:
        if (meaning := meaning_of(name)) and name not in meaning.targets:
            target = name.lower() if name.lower() in meaning.targets else meaning.targets[0]
            yield f" (--map {target}={name})"


def format_to_write(path: Path, name: str | None = None) -> Format:
    """The format to write a file by: the one of that name, or that with the longest end of the file's name.

    Raises `LedgerError` where there is none.
    """
    if name is not None:
        form = FORMATS.get(name)
        if not form.writes:
            raise LedgerError(f"the format '{name}' can be read, not written; choose one of {_names(_writers())}")
        return form
    ends = [(len(end), form) for form in _writers() for end in form.suffixes if path.name.lower().endswith(end)]
    if not ends:
        raise LedgerError(f"{path}: no format has files of this name; give --format, one of {_names(_writers())}")
    return max(ends, key=lambda pair: pair[0])[1]


def _only(answers: Sequence[tuple[Format, str | None]], path: Path) -> Recognised | None:
    candidates = [Recognised(form, reason) for form, reason in answers if reason]
    if len(candidates) > 1:
        choice = "; ".join(f"{one.format.name} ({one.reason})" for one in candidates)
        raise LedgerError(f"{path}: it may be of several formats, so give --format: {choice}")
    return candidates[0] if candidates else None


def _readers() -> list[Format]:
    return [form for form in FORMATS if form.reads]


def _writers() -> list[Format]:
    return [form for form in FORMATS if form.writes]


def _names(formats: list[Format]) -> str:
    return ", ".join(form.name for form in formats)
