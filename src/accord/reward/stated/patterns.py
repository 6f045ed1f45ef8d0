"""Regular expressions in time linear in the text, and tags in their order.

Patterns are those of ECMA 262 without lookaround and back-references, as jsonschema-rs runs them: on a finite
automaton, so that no pattern and no text makes it run for ever (`^(a+)+$` of five thousand letters takes milliseconds).
`\\d` is 0 to 9, `(?s)` lets `.` match a new line, `(?i)` ignores case.
"""

from collections.abc import Sequence
from typing import Literal

import jsonschema_rs

__all__ = ["Pattern", "tags_hold"]

Where = Literal["whole", "part"]


class Pattern:
    """A regular expression that matches a text as a whole, or a part of it. Raises `ValueError` where it is none."""

    def __init__(self, pattern: str, where: Where = "whole") -> None:
        alone = _validator(pattern)
        self._validator = alone if where == "part" else _validator(rf"\A(?:{pattern})\z")

    def matches(self, text: str) -> bool:
        """Whether it does."""
        return self._validator.is_valid(text)


def tags_hold(text: str, tags: Sequence[str]) -> bool:
    """Whether a text is `<tag>...</tag>` for each tag in order, each once, with nothing but white space between."""
    marks = [mark for tag in tags for mark in (f"<{tag}>", f"</{tag}>")]
    if any(text.count(mark) != 1 for mark in marks):
        return False
    starts = [text.index(mark) for mark in marks]
    ends = [start + len(mark) for start, mark in zip(starts, marks, strict=True)]
    if starts != sorted(starts):
        return False
    outside = [
        text[: starts[0]],
        *(text[ends[i] : starts[i + 1]] for i in range(1, len(marks) - 1, 2)),
        text[ends[-1] :],
    ]
    return not any(part.strip() for part in outside)


def _validator(pattern: str) -> jsonschema_rs.Validator:
    schema = {"type": "string", "pattern": pattern}
    try:
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except ValueError as error:
        raise ValueError(
            f"{pattern!r:.80} is no regular expression here; lookaround and back-references are not known"
        ) from error
