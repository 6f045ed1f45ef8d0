"""One text of JSON, strictly: no key twice, no NaN; what is wrong is said in words, with its place."""

import json
from collections.abc import Callable
from typing import Any

from accord.errors import RecordError

__all__ = ["DECODER", "object_of", "value_in", "words_of"]


class _RefusedError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the key {twice!r} stands twice in one object; which of the two counts is not said")
    return content


def _no_number(name: str) -> Any:
    raise _RefusedError(f"{name} is no number in JSON; write null, or leave the key out")


DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
REASONS: dict[str, Callable[[str, int], str]] = {
    "Expecting value": lambda text, at: f"{text[at : at + 20]!r} is no value" if text[at:].strip() else "it ends early",
    "Unterminated string starting at": lambda text, at: "a text that begins here has no end",
    "Extra data": lambda text, at: f"{text[at : at + 20]!r} stands behind the end",
    "Invalid control character at": lambda text, at: f"{text[at]!r} must be escaped inside a text",
    "Invalid \\escape": lambda text, at: f"{text[at : at + 2]!r} is no escape",
    "Expecting ',' delimiter": lambda text, at: "a comma or the end is missing",
    "Expecting ':' delimiter": lambda text, at: "a colon is missing",
    "Expecting property name enclosed in double quotes": lambda text, at: "a key in double quotes is missing",
}


def object_of(text: str, place: str) -> dict[str, Any]:
    """The object that a text holds. Raises `RecordError` that says in words what is wrong, and where."""
    try:
        content = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(words_of(error, text), place=place) from error
    if not isinstance(content, dict):
        raise RecordError(f"expected an object, {{...}}, not {text.strip()[:40]!r}", place=place)
    return content


def value_in(text: str) -> Any:
    """The value that a cell holds as JSON; the text itself where it is no JSON, strictly."""
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return text


def words_of(error: ValueError | RecursionError, text: str, start: int = 0) -> str:
    """What is wrong with a text of JSON that begins at `start`, in words."""
    if isinstance(error, RecursionError):
        return "lists and objects are nested too deeply"
    if isinstance(error, _RefusedError):
        return str(error)
    if not isinstance(error, json.JSONDecodeError):
        return "a number has too many digits"
    reason = next((words for start, words in REASONS.items() if error.msg.startswith(start)), None)
    problem = reason(text, error.pos) if reason else error.msg.lower()
    return f"not JSON at character {error.pos - start + 1}: {problem}"
