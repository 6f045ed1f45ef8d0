"""Rows in JSON: an object a line, a list of objects, or objects one after the other over any number of lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from accord.errors import RecordError
from accord.feedback.formats.containers.text import decoded_lines, text_pieces
from accord.feedback.formats.json_text import DECODER, object_of, words_of
from accord.feedback.formats.rows import BadRow, SourceRow

__all__ = ["json_lines", "json_stream"]

ENOUGH = 1 << 16
LONGEST_WORD = 16  # no word or escape of JSON is as long
SPACE = re.compile(r"[ \t\r\n]*")
COMMAS = re.compile(r"[ \t\r\n,]*")


def json_lines(path: Path) -> Iterator[SourceRow | BadRow]:
    """An object a line; lines that are blank are no rows."""
    for number, line in decoded_lines(path):
        if isinstance(line, BadRow):
            yield line
            continue
        if not line.strip():
            continue
        try:
            place = f"{path.name}:{number}"
            yield SourceRow(place, object_of(line, place))
        except RecordError as error:
            yield BadRow(error, line.rstrip("\r\n"))


def json_stream(path: Path) -> Iterator[SourceRow | BadRow]:
    """The elements of a list, or objects one after the other; in memory is one of them, and a piece of the file.

    Raises `RecordError` where the text is no JSON: what follows cannot be told from what is wrong.
    """
    for number, (line, value) in enumerate(_values(path), start=1):
        place = f"{path.name} row {number} (line {line})"
        if isinstance(value, dict):
            yield SourceRow(place, value)
        else:
            yield BadRow(RecordError(f"expected an object, {{...}}, not {value!r:.40}", place=place), value)


def _values(path: Path) -> Iterator[tuple[int, object]]:
    """The values of a text of JSON, each with the line on which it begins."""
    window = _Window(path)
    if window.skip_space() == "[":
        window.step()
        yield from _listed(window)
    while window.skip_space(commas=True):
        yield window.line, window.value()


def _listed(window: "_Window") -> Iterator[tuple[int, object]]:
    """The values of a list behind its [, up to the end of the text."""
    sign = window.skip_space()
    while sign != "]":
        if sign:
            yield window.line, window.value()
            sign = window.skip_space()
        if not sign:
            raise RecordError("the list has no end, ]: the file is cut short", place=window.place)
        if sign == ",":
            window.step()
            if (sign := window.skip_space()) in (",", "]"):
                raise RecordError("a comma stands in the list with no row behind it", place=window.place)
        elif sign != "]":
            raise RecordError(f"no comma stands between two rows of the list, before {sign!r}", place=window.place)
    window.step()
    if window.skip_space():
        raise RecordError("something stands behind the end of the list, ]", place=window.place)


class _Window:
    """A piece of a text, as much as is needed: `line` is where it begins."""

    def __init__(self, path: Path) -> None:
        self.line = 1
        self._name, self._pieces = path.name, text_pieces(path)
        self._text, self._at, self._ended = "", 0, False

    @property
    def place(self) -> str:
        return f"{self._name}:{self.line}"

    def step(self, to: int | None = None) -> None:
        """Go on behind one sign, or to a place of the piece."""
        end = self._at + 1 if to is None else to
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def skip_space(self, *, commas: bool = False) -> str:
        """Go to what is not space, and look at it; empty at the end of the text."""
        space = COMMAS if commas else SPACE
        while True:
            match = space.match(self._text, self._at)
            assert match is not None
            self.step(match.end())
            if self._at < len(self._text) or not self._grow(ENOUGH):
                return self._text[self._at : self._at + 1]

    def value(self) -> object:
        """The value that begins here. Raises `RecordError` where there is none."""
        while True:
            text, start = self._text, self._at
            try:
                value, end = DECODER.raw_decode(text, start)
            except (ValueError, RecursionError) as error:
                if _may_go_on(error, text) and self._grow(len(text) - start + ENOUGH):
                    continue
                raise RecordError(words_of(error, text, start), place=self.place) from error
            if end == len(text) and not isinstance(value, dict) and self._grow(ENOUGH):
                continue  # a number may go on
            self.step(end)
            return value

    def _grow(self, least: int) -> bool:
        """Take in at least so many signs more; whether there were any."""
        pieces = [self._text[self._at :]]
        added = 0
        while added < least and not self._ended:
            piece = next(self._pieces, None)
            self._ended = piece is None
            if piece is not None:
                pieces.append(piece)
                added += len(piece)
        self._text, self._at = "".join(pieces), 0
        return added > 0


def _may_go_on(error: ValueError | RecursionError, text: str) -> bool:
    """Whether what is wrong with a text of JSON may be only that it ends here."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or len(text) - error.pos < LONGEST_WORD
