"""What of a run may be told: all of it, or nothing that leads to a person or says what they said.

A redacted version hashes who the evaluators are (HMAC-SHA256 under a salt that stays with the run), tells no number of
a group of fewer than five people, and leaves out what is written in words in the ledger, in the findings of the audit
and in statements that are not marked public. Names of studies, pools, sources and models stay unless an evaluator's
pseudonym or a text of the ledger stands in them.
"""

import hashlib
import hmac
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import takewhile

from accord.artefacts.finding import IdList
from accord.records import Correction, Critique, Declined, Demonstration, Evaluator, Feedback, Spans
from accord.report.disclosure.small_cells import FEW, Cells, safe_cells

__all__ = ["FEWER", "WITHHELD", "Privacy", "Redacted", "texts_of_feedback"]

FEWER = f"fewer than {FEW}"
WITHHELD = "withheld"
SHORTEST = 8  # characters of a text of the ledger that is looked for in names
DIGITS = 16  # of a hashed pseudonym
_OF_TEXTS = frozenset({"feedback", "prompts", "completions", "questions"})
_PRIVATE = (
    (re.compile(r"(?<![\w.:/])/(?:[^\s\"',\]/]+/)+"), ""),  # folders, which hold names of users
    (re.compile(r"(?<=://)[^/@\s]+@"), ""),  # who logs in at a server
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), WITHHELD),  # addresses of people
    (re.compile(r"\+\d[\d\s()/.-]{6,}\d"), WITHHELD),  # telephones
)


class Privacy:
    """What may be told. This one tells everything: for the version that stays in the house."""

    redacting = False

    def name(self, text: str) -> str:
        """A name that people chose, of a study or a model."""
        return text

    def words(self, text: str | None) -> str | None:
        """What somebody wrote, or what a check found about it; None where it is left out."""
        return text

    def people(self, number: int) -> str:
        """How many people."""
        return f"{number:,}"

    def tells(self, people: int) -> bool:
        """Whether a number about so many people may be told."""
        return True

    def cells(self, people: Mapping[str, int]) -> Cells:
        """Which groups of a table stand alone."""
        return Cells(tuple(name for name, count in people.items() if count > 0), ())

    def rows(self, ids: Mapping[str, IdList]) -> dict[str, IdList]:
        """The ids of rows, by kind."""
        return dict(ids)


class Redacted(Privacy):
    """For the version that is made public. `texts` are those of the ledger, in any order."""

    redacting = True

    def __init__(self, salt: str, evaluators: Iterable[Evaluator], texts: Iterable[str]) -> None:
        self._salt = salt.encode()
        people = [each for each in evaluators if each.kind in {"person", "simulated"}]
        names = {_plain(name).casefold() for each in people for name in (each.pseudonym, each.id)} - {""}
        self._people, self._longest = frozenset(names), max(map(len, names), default=0)
        self._texts = sorted({text for text in map(_plain, texts) if len(text) >= SHORTEST}, key=len)

    def name(self, text: str) -> str:
        """The name without folders and addresses; `WITHHELD` where a pseudonym or a text of the ledger stands in it."""
        plain = _plain(text)
        if self._names_somebody(plain.casefold()):
            return WITHHELD
        if any(secret in plain for secret in takewhile(lambda secret: len(secret) <= len(plain), self._texts)):
            return WITHHELD
        for pattern, instead in _PRIVATE:
            text = pattern.sub(instead, text)
        return text

    def words(self, text: str | None) -> str | None:
        """None: nothing that is written in words is told."""
        return None

    def people(self, number: int) -> str:
        """How many people, if they are not few."""
        return f"{number:,}" if self.tells(number) else FEWER

    def tells(self, people: int) -> bool:
        """Not of few people, whose numbers are somebody's."""
        return not 0 < people < FEW

    def cells(self, people: Mapping[str, int]) -> Cells:
        """Groups of fewer than five people together, with as many others as hide them."""
        return safe_cells(people)

    def rows(self, ids: Mapping[str, IdList]) -> dict[str, IdList]:
        """How many there are; of evaluators, if they are not few, under hashed names.

        Ids of texts are made of the texts. A kind that is not known may be of people.
        """
        told = {}
        for kind, each in ids.items():
            if kind in _OF_TEXTS:
                told[kind] = IdList((), each.count)
            elif self.tells(each.count):
                names = tuple(sorted(map(self.hashed, each.ids))) if kind == "evaluators" else ()
                told[self.name(kind)] = IdList(names, each.count)
        return told

    def hashed(self, name: str) -> str:
        """An evaluator's id or pseudonym under the salt: the same name for the same person, and no way back."""
        return "r-" + hmac.new(self._salt, name.encode(), hashlib.sha256).hexdigest()[:DIGITS]

    def _names_somebody(self, text: str) -> bool:
        """Whether a pseudonym stands in it as a word, or as several."""
        starts = [place for place in range(len(text)) if place == 0 or not _in_word(text[place - 1])]
        ends = [place for place in range(1, len(text) + 1) if place == len(text) or not _in_word(text[place])]
        return any(
            text[start:end] in self._people
            for start in starts
            for end in ends[bisect_right(ends, start) : bisect_right(ends, start + self._longest)]
        )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"


def texts_of_feedback(record: Feedback) -> Iterable[str]:
    """What somebody wrote when they judged."""
    match record.judgement:
        case Correction(text=text) | Critique(text=text) | Demonstration(text=text):
            return (text,)
        case Declined(reason=reason):
            return () if reason is None else (reason,)
        case Spans(spans=spans):
            return tuple(span.note for span in spans if span.note is not None)
        case _:
            return ()
