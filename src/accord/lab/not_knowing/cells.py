"""The cells: parts of the experiment, with a seed."""

from collections.abc import Sequence
from pathlib import Path

from accord.lab.cell import Cell
from accord.lab.not_knowing.answering import answer_point, answering, every_answer_known
from accord.lab.not_knowing.comparators import PROGRAMS, TAUGHT
from accord.lab.not_knowing.comparing import comparing, modes
from accord.lab.not_knowing.language import in_words
from accord.lab.not_knowing.points import Point

__all__ = ["ARMS", "FEW_SEEDS", "SLOW", "cells", "deal", "work"]

ARMS = ("answers", "all-known", "comparisons", "modes", "taught-comparator", "words")
SLOW = frozenset({"taught-comparator", "words"})
FEW_SEEDS = 5


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds, those that train a transformer on five; in the short form all on one."""
    return deal(range(1 if short else 20), ARMS)


def deal(seeds: range, arms: Sequence[str]) -> list[Cell]:
    """Every arm on every seed, but those that train a transformer on the first five."""
    return [Cell(arm, seed) for place, seed in enumerate(seeds) for arm in arms if arm not in SLOW or place < FEW_SEEDS]


def work(arm: str, seed: int, short: bool, folder: Path) -> list[Point]:
    """One part on one world."""
    match arm:
        case "answers":
            return list(answering(seed, quick=short))
        case "all-known":
            return list(every_answer_known(seed, quick=short))
        case "comparisons":
            return list(comparing(PROGRAMS, seed, quick=short))
        case "taught-comparator":
            return list(comparing((TAUGHT,), seed, quick=short))
        case "modes":
            return list(modes(seed, quick=short))
        case _:
            return [answer_point(name, answered) for name, answered in in_words(seed, short, folder)]
