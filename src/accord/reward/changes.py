"""Where one text was changed into another, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

__all__ = ["Change", "changed_ranges"]


@dataclass(frozen=True)
class Change:
    """Characters [start, end) of the original became characters [new_start, new_end) of the corrected text.

    A range is empty where something was added, or taken away.
    """

    start: int
    end: int
    new_start: int
    new_end: int


def changed_ranges(original: str, corrected: str) -> tuple[Change, ...]:
    """What must be changed in `original` to make it `corrected`, in order; nothing where they are equal.

    Words, runs of spaces and single other characters are kept or changed whole; what is kept is what
    `difflib.SequenceMatcher` finds, which need not be the longest.
    """
    before, after = _parts(original), _parts(corrected)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    start, new_start = ([0, *accumulate(map(len, parts))] for parts in (before, after))
    return tuple(
        Change(start[i1], start[i2], new_start[j1], new_start[j2])
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )


def _parts(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)
