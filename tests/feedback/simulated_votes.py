"""Votes whose truth is known."""

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.votes import Votes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def votes_of(accuracy_E: Floats, *, items: int, each: int, classes: int = 2, seed: int = 0) -> tuple[Votes, Codes]:
    """`each` evaluators, drawn anew, vote on every item, and are right as often as they are; with the truth, [I]."""
    random = np.random.default_rng(seed)
    size = accuracy_E.size
    evaluator_N = np.concatenate([random.permutation(size)[:each] for _ in range(items)])
    item_N, truth_I = np.repeat(np.arange(items), each), random.integers(0, classes, items)
    wrong_N = (truth_I[item_N] + random.integers(1, classes, item_N.size)) % classes
    vote_N = np.where(random.random(item_N.size) < accuracy_E[evaluator_N], truth_I[item_N], wrong_N)
    text_I2 = np.arange(2 * items).reshape(-1, 2)
    names = [f"e{number}" for number in range(size)]
    return Votes(names, tuple("abcd"[:classes]), evaluator_N, item_N, vote_N, text_I2), truth_I
