"""Edits of a text by program, each the same whenever it is made: those that should not matter, and those that should.

They are made without a model, so that nobody has to be trusted for them; what they can do is little, and so stated.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from accord.reward.comparator.harmless import contracted, expanded, synonyms
from accord.reward.comparator.sentences import sentences

__all__ = ["EDITS", "Edit"]

_NEGATED = (
    ("isn't", "is"),
    ("aren't", "are"),
    ("don't", "do"),
    ("doesn't", "does"),
    ("can't", "can"),
    ("won't", "will"),
    ("is not", "is"),
    ("are not", "are"),
    ("was not", "was"),
    ("cannot", "can"),
    ("is", "is not"),
    ("are", "are not"),
    ("was", "was not"),
    ("were", "were not"),
    ("can", "cannot"),
    ("will", "will not"),
    ("should", "should not"),
    ("has", "has no"),
    ("have", "have no"),
)
_FILLER = "That is what can be said here, and there is more that could be said. "


@dataclass(frozen=True)
class Edit:
    """An edit: its name, what it does in words, whether it makes a good answer worse, and the function.

    `make(text, other, draw)` has the text, one that answers another prompt, and what to draw from; it returns the text
    unchanged where there is nothing to edit.
    """

    name: str
    about: str
    matters: bool
    make: Callable[[str, str, random.Random], str]


def _filler(text: str, other: str, draw: random.Random) -> str:
    """Half as long again, at least one sentence."""
    return text.rstrip() + " " + (_FILLER * max(1, len(text) // (2 * len(_FILLER)))).rstrip()


def _listed(text: str, other: str, draw: random.Random) -> str:
    return "\n".join(f"- {each}" for each in sentences(text))


def _bold(text: str, other: str, draw: random.Random) -> str:
    first, *others = sentences(text) or [""]
    return " ".join([f"**{first}**", *others]) if first else text


def _confident(text: str, other: str, draw: random.Random) -> str:
    return f"I am absolutely certain of this. {text}" if text.strip() else text


def _paraphrased(text: str, other: str, draw: random.Random) -> str:
    """Up to three words for others, and short forms for long ones; long for short where there are none of those."""
    text = synonyms(text, draw) or text
    return contracted(text, draw) or expanded(text, draw) or text


def _typos(text: str, other: str, draw: random.Random) -> str:
    """Two neighbouring letters behind the first change places, in one of twenty words of three letters or more."""
    words = [match for match in re.finditer(r"[^\W\d_]{3,}", text) if len(set(match[0][1:])) > 1]
    letters = list(text)
    for match in draw.sample(words, k=max(1, len(words) // 20) if words else 0):
        one = next(place for place in range(match.start() + 1, match.end()) if text[place] != text[place + 1])
        letters[one], letters[one + 1] = letters[one + 1], letters[one]
    return "".join(letters)


def _half(text: str, other: str, draw: random.Random) -> str:
    """The first half of its words."""
    words = text.split()
    return " ".join(words[: len(words) // 2]) if len(words) > 1 else text


def _shuffled(text: str, other: str, draw: random.Random) -> str:
    """Sentences in another order; of fewer than three, words."""
    parts = sentences(text)
    parts = parts if len(parts) > 2 else text.split()
    order = draw.sample(parts, k=len(parts))
    if order == parts and len(set(parts)) > 1:
        order = [*parts[1:], parts[0]]
    return " ".join(order)


def _swapped(text: str, other: str, draw: random.Random) -> str:
    return other


def _negated(text: str, other: str, draw: random.Random) -> str:
    changed = _replaced(text, _NEGATED)
    if changed != text or not text.strip():
        return changed
    return f"It is not true that {text[0].lower()}{text[1:]}"


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """Each phrase by its other one, in one pass, the first of the list that fits; capitals at the front are kept."""
    other: dict[str, str] = {}
    for first, second in pairs:
        other.setdefault(first, second)
    phrases = "|".join(re.escape(phrase) for phrase in sorted(other, key=len, reverse=True))

    def change(match: re.Match[str]) -> str:
        replaced = other[match[0].lower()]
        return replaced.capitalize() if match[0][0].isupper() else replaced

    return re.sub(rf"(?<![\w'])(?:{phrases})(?![\w'])", change, text, flags=re.IGNORECASE)


EDITS: tuple[Edit, ...] = (
    Edit("filler", "half as long again, by sentences that say nothing", False, _filler),
    Edit("list marks", "each sentence as an item of a list", False, _listed),
    Edit("bold", "the first sentence in bold marks", False, _bold),
    Edit("confidence", "'I am absolutely certain of this.' in front", False, _confident),
    Edit(
        "paraphrase",
        "up to three words by others of the same meaning, 'is not' as 'isn't' or the reverse",
        False,
        _paraphrased,
    ),
    Edit("typos", "two letters change places in one of twenty words", False, _typos),
    Edit("half", "the second half is left out", True, _half),
    Edit("shuffled", "sentences (of fewer than three: words) in random order", True, _shuffled),
    Edit("swapped", "a good answer to another prompt", True, _swapped),
    Edit("negated", "what is said is denied", True, _negated),
)
