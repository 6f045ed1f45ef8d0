"""Single values of rows that other software wrote: numbers that may be unknown, steps, texts that can be kept."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from accord.errors import RecordError
from accord.feedback.formats.rows import SourceRow

__all__ = ["finite", "number_columns", "number_in", "step_in", "text_in", "texts_of"]

LARGEST_STEP = 2**53
"""Beyond it floating-point numbers cannot tell one step from the next."""


def finite(value: object) -> float | None:
    """A number; None where it is unknown: null, NaN or infinite. Raises TypeError for anything else."""
    if value is None:
        return None
    if not isinstance(value, int | float):  # truths count as 1 and 0
        raise TypeError(f"expected a number, not {value!r:.40}")
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def number_in(row: SourceRow, column: str) -> float | None:
    """The number in a column, as `finite` has it. Raises `RecordError` where something else stands there."""
    try:
        return finite(row.content.get(column))
    except TypeError as error:
        raise row.bad(column, str(error)) from None


def step_in(row: SourceRow, column: str = "step", *, first: int = 0) -> int:
    """The step in a column. Raises `RecordError` where it is no whole number from `first` to 2^53."""
    value = row.value(column)
    number = finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or number != int(number) or not first <= number <= LARGEST_STEP:
        raise row.bad(column, f"expected a step, a whole number from {first} to 2^53, not {value!r:.40}")
    return int(number)


def text_in(row: SourceRow, column: str) -> str:
    """The text in a column. Raises `RecordError` where there is none, or one that no file can hold."""
    text = row.text(column)
    return texts_of([text], f"{row.place} {column}")[0]


def texts_of(texts: Iterable[str], place: str) -> list[str]:
    """Texts as they are. Raises `RecordError` where one holds half a character, which UTF-8 cannot say."""
    checked = list(texts)
    for text in checked:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RecordError(
                "holds half a character (a lone surrogate); decode the text as UTF-8", place=place
            ) from None
    return checked


def number_columns(rows: Iterable[Mapping[str, Any]], *, but: Iterable[str]) -> list[str]:
    """Columns in which nothing but numbers, truths and nulls stand, and a number somewhere; in their order."""
    left_out = set(but)
    numbers: dict[str, bool] = {}
    for row in rows:
        for name, value in row.items():
            if name not in left_out:
                is_number = value is None or isinstance(value, int | float)
                numbers[name] = numbers.get(name, True) and is_number
                if not is_number:
                    left_out.add(name)
    return [name for name, only in numbers.items() if only and name not in left_out]
