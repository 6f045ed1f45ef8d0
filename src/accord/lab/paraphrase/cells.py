"""The cells: ways of learning, or metrics, with a seed."""

from pathlib import Path

from accord.lab.cell import Cell
from accord.lab.paraphrase.learning import LEARNERS, learnt, start_of
from accord.lab.paraphrase.metrics import PAIRS, metrics
from accord.lab.paraphrase.points import Point
from accord.lab.paraphrase.world import SynonymWorld

__all__ = ["ARMS", "METRICS", "cells", "work"]

STEPS = 400
METRICS = ("metrics", "metrics-same-words")
ARMS = ("learning", *METRICS)


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds; in the short form on one."""
    return [Cell(arm, seed) for seed in range(1 if short else 20) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """One world with every learner, or one set of sentences with every metric."""
    if arm == "learning":
        of = SynonymWorld.draw(seed)
        steps = 60 if short else STEPS
        return [start_of(of), *(learnt(learner, of, seed, steps=steps) for learner in LEARNERS)]
    return list(metrics(seed, synonyms=arm == "metrics", pairs=PAIRS // 4 if short else PAIRS))
