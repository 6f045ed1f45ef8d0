"""What whoever runs the study looks for among items and answers, read from the fields of a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from accord.collect.desk.answer_marks import MARKS
from accord.collect.study.form_fields import storable
from accord.errors import FormError

__all__ = ["ANSWER_STATES", "DIFFERENCES", "ITEM_STATES", "PURPOSES", "AnswerFilter", "ItemFilter"]

ITEM_STATES: Mapping[str, str] = {
    "open": "asks for answers",
    "full": "has all its answers",
    "decided": "decided by its votes",
    "unsettled": "waits for an expert",
    "expert": "judged by experts",
    "withdrawn": "not asked any more",
    "unanswered": "nobody answered",
    "in hand": "in somebody’s hands",
    "declined": "somebody declined",
    "ruled": "ruled on",
}
"""The states of an item that can be looked for, in words."""

ANSWER_STATES: Mapping[str, str] = {
    "open": "in hand",
    "answered": "counts",
    "declined": "declined",
    "surplus": "above the overlap",
    "replaced": "taken back",
    "lapsed": "ran out of time",
    "practised": "practice",
}
"""The states of an answer, in words."""

PURPOSES: Mapping[str, str] = {
    "item": "an item",
    "gold": "a control question",
    "repeat": "an item asked again",
    "practice": "practice",
}
"""What an item was handed out as, in words."""

DIFFERENCES: Mapping[str, tuple[float, float]] = {
    "agreed": (0.0, 0.0),
    "contested": (1e-9, 1.0),
    "quarter": (0.25, 1.0),
    "half": (0.5, 1.0),
}
"""By name, between which differences an item's answers lie."""

MAX_TEXT = 200


@dataclass(frozen=True)
class ItemFilter:
    """Items that have a text, are in a state, and whose answers differ so; "" where it does not matter.

    `order` is that of the file, or `difference`: the widest first.
    """

    text: str = ""
    state: str = ""
    difference: str = ""
    order: str = ""

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Self:
        """From a form's fields; others are left out. Raises `FormError`."""
        return cls(
            text=_text(form, "text"),
            state=_choice(form, "state", ITEM_STATES),
            difference=_choice(form, "difference", {**DIFFERENCES, "unknown": ()}),
            order=_choice(form, "order", {"difference": ()}),
        )


@dataclass(frozen=True)
class AnswerFilter:
    """Answers by a person, to an item, in a state, with a mark, given from `since` to `until` (days, both included).

    `difference` is that of the item's answers; "" where something does not matter.
    """

    text: str = ""
    person: str = ""
    item: str = ""
    state: str = ""
    purpose: str = ""
    mark: str = ""
    difference: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, form: Mapping[str, str]) -> Self:
        """From a form's fields; others are left out. Raises `FormError`."""
        since, until = _day(form, "since"), _day(form, "until")
        if since is not None and until is not None and until < since:
            raise FormError("until", "The last day lies before the first; turn them round.")
        return cls(
            text=_text(form, "text"),
            person=_text(form, "person"),
            item=_text(form, "item"),
            state=_choice(form, "state", ANSWER_STATES),
            purpose=_choice(form, "purpose", PURPOSES),
            mark=_choice(form, "mark", MARKS),
            difference=_choice(form, "difference", {**DIFFERENCES, "unknown": ()}),
            since=since,
            until=None if until is None else until + timedelta(days=1),
        )


def _text(form: Mapping[str, str], name: str) -> str:
    text = form.get(name, "").strip()
    if len(text) > MAX_TEXT or not storable(text):
        raise FormError(name, f"Search for at most {MAX_TEXT} characters, without any that no text holds.")
    return text


def _choice(form: Mapping[str, str], name: str, known: Mapping[str, object]) -> str:
    value = form.get(name, "")
    if value and value not in known:
        raise FormError(name, f"There is no {name} {value[:40]!r}; choose one of {', '.join(known)}.")
    return value


def _day(form: Mapping[str, str], name: str) -> datetime | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise FormError(name, f"{text[:40]!r} is no day; write it as 2026-03-31.") from error
