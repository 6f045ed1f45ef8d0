"""Reading the fields of a form, all of them strings: what cannot be read is a `FormError` that says what to do."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from accord.collect.study.line_ends import with_plain_ends
from accord.collect.study.phrases import phrase
from accord.errors import FormError

__all__ = [
    "Form",
    "clean_text",
    "numbered_fields",
    "parse_index",
    "parse_json_list",
    "parse_number",
    "short_field",
    "storable",
    "text_field",
]

Form = Mapping[str, str]
MAX_SHORT_FIELD = 10_000


def short_field(form: Form, field: str, *, required: bool = True, longest: int = MAX_SHORT_FIELD) -> str:
    """A short field without the blanks around it; "" where it is not there and need not be."""
    value = form.get(field)
    if value is None or not value.strip():
        if required:
            raise FormError(field, phrase("form.not_chosen"))
        return ""
    return clean_text(field, value, longest).strip()


def text_field(form: Form, field: str, longest: int, *, required: bool = True) -> str:
    """A written field, with line ends as \\n: browsers send \\r\\n."""
    text = clean_text(field, form.get(field) or "", longest)
    if required and not text.strip():
        raise FormError(field, phrase("form.not_written"))
    return text


def clean_text(field: str, value: str, longest: int) -> str:
    """A field's text, with line ends as \\n. Raises `FormError` where it is too long or cannot be stored."""
    text = with_plain_ends(value)
    if len(text) > longest:
        raise FormError(field, phrase("form.too_long", n=len(text), most=longest))
    if not storable(text):
        raise FormError(field, phrase("form.character"))
    return text


def storable(text: str) -> bool:
    """Whether a database takes the text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def parse_number(field: str, text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FormError(field, phrase("form.no_number", text=f"{text!r:.40}"))
    return value


def parse_index(field: str, text: str) -> int:
    """A whole number from 0, of nine digits at most."""
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text) <= 9):
        raise FormError(field, phrase("form.no_whole_number", text=f"{text!r:.40}"))
    return int(text)


def parse_json_list(field: str, text: str) -> list[Any]:
    """A list in JSON, as the page's script or a question's `answer_form` writes it."""
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormError(field, phrase("form.marks_cut")) from error
    if not isinstance(content, list):
        raise FormError(field, phrase("form.marks_no_list"))
    return content


def numbered_fields(page: Form, stem: str) -> dict[int, str]:
    """The values of the page's fields `stem-0`, `stem-1`, ... by number."""
    matches = {name: re.fullmatch(rf"{stem}-(\d{{1,4}})", name) for name in page}
    return {int(match[1]): page[name] for name, match in matches.items() if match}
