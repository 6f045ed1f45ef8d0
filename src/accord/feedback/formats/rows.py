"""One row of somebody else's file, whatever file it stood in, with its place."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar

from accord.errors import RecordError
from accord.feedback.formats.conversations import messages_of
from accord.feedback.formats.json_text import value_in
from accord.records import Message

__all__ = ["BadRow", "SourceRow"]

C = TypeVar("C", bound=str)
SECONDS = re.compile(r"\d{9,}(\.\d+)?")  # since 1970, in a cell; a date of eight figures is none


@dataclass(frozen=True)
class BadRow:
    """What should have been a row and cannot be read: what stood there, as far as it can be told, and why."""

    problem: RecordError
    content: object = None

    @property
    def place(self) -> str:
        return self.problem.place


@dataclass(frozen=True)
class SourceRow:
    """A row: its place ("votes.jsonl:12", "votes.parquet row 7") and its columns.

    `original` is the row as it stands in the file, where its columns were renamed.

    A file of cells (CSV) holds texts alone, so a number, a truth or a list that is asked for is read from a text too. A
    column that is null or an empty cell counts as not there.
    """

    place: str
    content: dict[str, Any]
    original: dict[str, Any] | None = None

    def bad(self, column: str, problem: str) -> RecordError:
        """The error to raise for what stands in a column."""
        return RecordError(problem, place=f"{self.place} {column}".rstrip())

    def has(self, column: str) -> bool:
        """Whether there is something in the column."""
        return self.content.get(column) not in (None, "")

    def value(self, column: str) -> Any:
        """What stands in the column. Raises `RecordError` where there is nothing."""
        value = self.content.get(column)
        if value is None:
            raise self.bad(column, "missing" if column not in self.content else "null, where a value is needed")
        return value

    def text(self, column: str) -> str:
        """The column as a text. Raises `RecordError` where it is none."""
        value = self.value(column)
        if not isinstance(value, str):
            raise self.bad(column, f"expected a text, not {_shown(value)}")
        return value

    def name(self, column: str) -> str:
        """The column as a name: a text that is not empty, or a whole number (ids often are). Raises `RecordError`."""
        value = self.value(column)
        if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
            value = str(int(value)) if not isinstance(value, bool) else value
        if not isinstance(value, str) or not value.strip():
            raise self.bad(column, f"expected a name, not {_shown(value)}")
        return value.strip()

    def number(self, column: str) -> float:
        """The column as a finite number. Raises `RecordError` where it is none."""
        value = self.value(column)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise self.bad(column, f"expected a number, not {_shown(value)}") from None
        try:
            number = (
                math.nan if isinstance(value, bool) or not isinstance(value, int | float | Decimal) else float(value)
            )
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.bad(column, f"expected a finite number, not {_shown(value)}")
        return number

    def whole(self, column: str) -> int:
        """The column as a whole number. Raises `RecordError` where it is none."""
        number = self.number(column)
        if number != int(number):
            raise self.bad(column, f"expected a whole number, not {number:g}")
        return int(number)

    def choice(self, column: str, *choices: C) -> C:
        """The column as one of these words. Raises `RecordError` where it is none of them."""
        word = self.text(column).strip()
        for choice in choices:
            if word == choice:
                return choice
        raise self.bad(column, f"{_shown(word)} is not one of {', '.join(choices)}")

    def truth(self, column: str) -> bool:
        """The column as true or false (also 1 and 0, "true" and "false", "yes" and "no"). Raises `RecordError`."""
        value = self.value(column)
        word = value.strip().lower() if isinstance(value, str) else value
        if word in (True, 1, "true", "yes", "1"):
            return True
        if word in (False, 0, "false", "no", "0"):
            return False
        raise self.bad(column, f"expected true or false, not {_shown(value)}")

    def items(self, column: str) -> list[Any]:
        """The column as a list (a text is read as JSON). Raises `RecordError` where it is none."""
        value = self.structure(column)
        if not isinstance(value, list | tuple):
            raise self.bad(column, f"expected a list, not {_shown(value)}")
        return list(value)

    def mapping(self, column: str) -> dict[str, Any]:
        """The column as names and values (a text is read as JSON). Raises `RecordError` where it is no such thing."""
        value = self.structure(column)
        if not isinstance(value, dict):
            raise self.bad(column, f"expected names and values, not {_shown(value)}")
        return value

    def structure(self, column: str) -> Any:
        """What stands in the column, read as JSON where it is a text that begins as a list or an object does."""
        value = self.value(column)
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            return value_in(value)
        return value

    def messages(self, column: str, *, role: Literal["user", "assistant"]) -> tuple[Message, ...]:
        """The column as messages; a text is one of `role`, unless it is JSON of messages. Raises `RecordError`."""
        value = self.value(column)
        if isinstance(value, str):
            listed = self.structure(column)
            items = listed if isinstance(listed, list) else [listed]
            if not items or not all(isinstance(item, dict) and item.keys() & {"role", "from"} for item in items):
                return (Message(role=role, content=value),)
            value = listed
        return messages_of(value, f"{self.place} {column}")

    def time(self, column: str) -> datetime:
        """The column as a time: ISO 8601 (without a zone it is UTC) or seconds since 1970, from nine figures on.

        Raises `RecordError`.
        """
        value = self.value(column)
        if isinstance(value, str) and SECONDS.fullmatch(value.strip()):
            value = float(value)
        try:
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e8:
                # Beyond the year 5138 as seconds: these are milliseconds.
                return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, tz=UTC)
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        except (ValueError, OverflowError, OSError):
            raise self.bad(column, f"expected a time as ISO 8601 has it, not {_shown(value)}") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _shown(value: object) -> str:
    return f"{value!r:.60}"
