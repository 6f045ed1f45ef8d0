"""Reading the fields of a form, all of them strings: what cannot be read is a `FormError` that says what to do."""

import json
import math
from collections.abc import Mapping
from typing import Any

from accord.errors import FormError

__all__ = ["Form", "clean", "json_list", "number_of", "place_of", "text_of", "word"]

Form = Mapping[str, str]
MOST_FIELD = 10_000


def word(form: Form, field: str, *, needed: bool = True, longest: int = MOST_FIELD) -> str:
    """A short field without the blanks around it; "" where it is not there and need not be."""
    given = form.get(field)
    if given is None or not given.strip():
        if needed:
            raise FormError(field, "Nothing was chosen; choose, then send again.")
        return ""
    return clean(field, given, longest).strip()


def text_of(form: Form, field: str, longest: int, *, needed: bool = True) -> str:
    """A written field, with line ends as \\n: browsers send \\r\\n."""
    text = clean(field, form.get(field) or "", longest)
    if needed and not text.strip():
        raise FormError(field, "Nothing was written; write something, or say that you can't judge this.")
    return text


def clean(field: str, given: str, longest: int) -> str:
    """What was typed, with line ends as \\n. Raises `FormError` where it is too long or cannot be kept."""
    text = given.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > longest:
        raise FormError(field, f"{len(text):,} characters are too many; shorten it to {longest:,}.")
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise FormError(field, "The text holds a character that cannot be kept; remove what was pasted last.")
    return text


def number_of(field: str, given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormError(field, f"{given!r:.40} is not a number.")
    return value


def place_of(field: str, given: str) -> int:
    if not (given.strip().isascii() and given.strip().isdecimal() and len(given) <= 9):
        raise FormError(field, f"{given!r:.40} is not a whole number.")
    return int(given)


def json_list(field: str, given: str) -> list[Any]:
    try:
        content = json.loads(given)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormError(field, "The marks did not arrive whole; reload the page and mark again.") from error
    if not isinstance(content, list):
        raise FormError(field, "The marks did not arrive as a list; reload the page and mark again.")
    return content
