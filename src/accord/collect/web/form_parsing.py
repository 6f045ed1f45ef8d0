"""Bodies of forms, read strictly.

A body is `application/x-www-form-urlencoded` in UTF-8, or it is refused; a byte that is none is never replaced, since
what was typed would be kept otherwise than it was meant. Line ends become `\\n`, which browsers send as `\\r\\n`.
"""

from collections.abc import Set
from urllib.parse import unquote_to_bytes

from accord.collect.study.phrases import phrase

__all__ = ["MAX_BODY", "MAX_FIELDS", "UnreadableError", "read"]

MAX_BODY = 400_000  # bytes; the longest text a question takes fits, three bytes a letter
MAX_FIELDS = 500


class UnreadableError(Exception):
    """A body that is no form: what is the matter with it, for the person who sent it."""


def read(body: bytes, multiple: Set[str] = frozenset(), most: int = MAX_FIELDS) -> dict[str, str]:
    """The fields of a form; those in `multiple` may be sent several times and are joined by commas.

    Raises `UnreadableError` for bytes that are not UTF-8, more than `most` fields, or one twice.
    """
    form: dict[str, str] = {}
    parts = [part for part in body.split(b"&") if part]
    if len(parts) > most:
        raise UnreadableError(phrase("problem.many_fields", most=most))
    for part in parts:
        name, _, value = (_text(raw) for raw in part.partition(b"="))
        if name in form and name not in multiple:
            raise UnreadableError(phrase("problem.twice", field=name[:40]))
        form[name] = f"{form[name]},{value}" if name in form else value
    return form


def _text(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError(phrase("problem.no_text")) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
