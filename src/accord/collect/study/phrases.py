"""Sentences for evaluators that are said below the pages: English texts that know their key and their values.

Whoever has no page (a machine, a log, the pages of whoever runs the study) takes them as the English texts that they
are; a page says them in the language of whoever reads it.
"""

from collections.abc import Sequence
from typing import Self

from accord.collect.study.catalogue import KEYBOARD, PLACE, STRONG, Catalogue, english

__all__ = ["Phrase", "Value", "in_words", "phrase", "translate", "value_in_words"]

Value = str | int | float | Sequence[str]

ISOLATED = "\u2068{}\u2069"  # a text inside another one that may be written from the other side


class Phrase(str):
    """An English text with the key that it has in the catalogue, and what stands in its places."""

    __slots__ = ("key", "values")

    key: str
    values: dict[str, Value]

    @classmethod
    def of(cls, key: str, values: dict[str, Value]) -> Self:
        """The text of a key in English. Raises `KeyError` where there is none."""
        made = cls(in_words(english(), key, values))
        made.key, made.values = key, values
        return made


def phrase(key: str, **values: Value) -> Phrase:
    """A sentence by its key, with the values of its places."""
    return Phrase.of(key, values)


def translate(catalogue: Catalogue, text: str) -> str:
    """A sentence in the language of a catalogue; a text that is no `Phrase` as it stands."""
    return in_words(catalogue, text.key, text.values) if isinstance(text, Phrase) else text


def in_words(catalogue: Catalogue, key: str, values: dict[str, Value]) -> str:
    """The text of a key with its values, without marks."""
    n = values.get("n")
    pattern = catalogue.pattern(key, n if isinstance(n, int | float) else None)
    home = catalogue.home(key)
    plain = STRONG.sub(r"\1", KEYBOARD.sub(r"\1", pattern))
    return PLACE.sub(lambda place: value_in_words(home, values[place[1]]), plain)


def value_in_words(catalogue: Catalogue, value: Value) -> str:
    """A value as a catalogue's language writes it. Texts in what is written from the right keep their own direction."""
    match value:
        case int() | float():
            return catalogue.rules.number(value)
        case str():
            text = translate(catalogue, value)
        case _:
            text = catalogue.rules.listed([translate(catalogue, word) for word in value])
    return ISOLATED.format(text) if catalogue.rules.direction == "rtl" else text
