"""What only a person can say: the keys of disclosure.toml, each with its question and the kind of its value."""

import math
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

from accord.errors import StatementError

__all__ = ["TEXT", "Answer", "Question", "check_answer"]

Answer = str | float
TEXT = "text"
"""The key that every item has: what its person says in their own words."""
LONGEST_CURRENCY = 8
PLACEHOLDERS = frozenset({"todo", "tbd", "tba", "tbc", "fixme", "xxx", "n/a", "na"})


@dataclass(frozen=True)
class Question:
    """A key of an item's table.

    text      a text in a person's words
    contact   how somebody is reached: never part of a redacted version
    currency  of the item's amounts of money, such as EUR
    money     an amount, in the currency beside it
    amount    a number that is not negative, in `unit`
    share     a number from 0 to 1
    """

    name: str
    ask: str
    kind: Literal["text", "contact", "currency", "money", "amount", "share"] = "text"
    unit: str = ""

    @property
    def is_number(self) -> bool:
        """Whether its value is a number."""
        return self.kind in {"money", "amount", "share"}


def check_answer(question: Question, value: Any, place: str) -> Answer | None:
    """The value; None where it is left empty. Raises `StatementError` that names the place and what belongs there."""
    if question.is_number:
        return _number(question, value, place)
    if not isinstance(value, str):
        raise StatementError(f'{place}: {value!r:.80} is no text; write it in quotes, {question.name} = "..."')
    text = value.strip()
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in text):
        return None
    if text.casefold().rstrip(".") in PLACEHOLDERS:
        raise StatementError(
            f"{place}: {text!r} says nothing; leave it empty, or write not_applicable with a reason where it is none"
        )
    if question.kind == "currency" and (len(text) > LONGEST_CURRENCY or not text.isalpha()):
        raise StatementError(f'{place}: {text!r:.80} is no currency; write its letters, such as "EUR"')
    return text


def _number(question: Question, value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StatementError(f"{place}: {value!r:.80} is no number; write {question.name} = 12.5, without quotes")
    try:
        number = float(value)
    except OverflowError as error:
        raise StatementError(f"{place}: {str(value)[:20]}... is too large for a number; check it") from error
    if not math.isfinite(number) or number < 0:
        raise StatementError(f"{place}: {value!r} cannot be; write a number that is not negative")
    if question.kind == "share" and number > 1:
        raise StatementError(f"{place}: {value!r} is no share; write a number from 0 to 1 (12 % is 0.12)")
    return number
