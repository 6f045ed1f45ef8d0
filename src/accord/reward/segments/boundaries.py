"""Where the parts, sentences, lines and steps of a text begin and end: [start, end), without outer space."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from accord.records import Completion

__all__ = ["cut", "steps_of"]

END = re.compile(r"""(?:[.!?…]+["'”’)\]]*(?=\s)|[。！？]+|\n)\s*""")
PAUSE = re.compile(r"""(?:[.!?…;:,]+["'”’)\]]*(?=\s)|[。！？；，、]+|\n)\s*""")
SHORT = re.compile(
    r"(?:^|[\s(])(?:[a-z]|mr|mrs|ms|dr|prof|st|no|vs|cf|e\.g|i\.e|etc|approx|jr|sr|fig)\.\s*$", re.IGNORECASE
)
PARAGRAPH = re.compile(r"\n\s*\n")
LINE = re.compile(r"\n")


def cut(text: str, into: str) -> list[tuple[int, int]]:
    """A text's parts (clauses, as punctuation tells), sentences, lines or paragraphs; blank ones are none.

    A full stop after a single letter or a usual abbreviation ends no sentence.
    """
    match into:
        case "part":
            places = _ends(text, PAUSE)
        case "sentence":
            places = _ends(text, END)
        case "line":
            places = (match.end() for match in LINE.finditer(text))
        case "paragraph":
            places = (match.end() for match in PARAGRAPH.finditer(text))
        case _:
            raise ValueError(f"'{into}' is no kind of segment: part, sentence, line or paragraph")
    return _between(text, [0, *places, len(text)])


def steps_of(completion: Completion, into: str) -> list[tuple[int, int]]:
    """The steps that a completion is said to have; where nothing is said its lines, or what `into` names."""
    if completion.step_starts is None:
        return cut(completion.text, into)
    return _between(completion.text, [*completion.step_starts, len(completion.text)])


def _ends(text: str, mark: re.Pattern[str]) -> Iterator[int]:
    for found in mark.finditer(text):
        if "\n" in found.group() or not SHORT.search(text, max(0, found.start() - 10), found.end()):
            yield found.end()


def _between(text: str, places: Iterable[int]) -> list[tuple[int, int]]:
    found = []
    for start, end in pairwise(places):
        inner = text[start:end].strip()
        if inner:
            first = text.index(inner, start)
            found.append((first, first + len(inner)))
    return found
