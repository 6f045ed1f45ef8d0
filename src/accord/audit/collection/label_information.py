"""What answers of people who are right with a known probability tell of an item (Dawid & Skene 1979, one coin each).

An answer of accuracy p adds log(p / (1 - p)) to the log-odds of the side that it names. With L the log-odds of all, the
label is E[truth | answers] = tanh(L / 2), truth being 1 or -1, and its information is the mean of its square: 0 where
nothing is known, 1 where all is. One answer has (2 p - 1)^2.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from accord.deferred import deferred

with deferred():
    from scipy.stats import binom

__all__ = ["information_of", "label_of", "log_odds", "settled_before"]

SUREST = 0.999  # nobody is taken to be right more often
LARGEST = 15  # answers of a pool to an item; more tell nothing new


def log_odds(accuracy: float) -> float:
    """Of an answer that is right so often; nobody is wrong more often than not."""
    kept = min(max(accuracy, 0.5), SUREST)
    return math.log(kept / (1 - kept))


def label_of(votes: Sequence[tuple[str, int]], accuracy: Mapping[str, float]) -> float:
    """E[truth | answers], -1..1, of votes (pool, 1 or -1; 0 for a tie)."""
    return math.tanh(sum(side * log_odds(accuracy[pool]) for pool, side in votes) / 2)


def information_of(counts: Mapping[str, int], accuracy: Mapping[str, float]) -> float:
    """The mean square of the label of so many answers of each pool, 0..1."""
    return _information(tuple(sorted((min(count, LARGEST), accuracy[pool]) for pool, count in counts.items() if count)))


@lru_cache(maxsize=4096)
def _information(answers: tuple[tuple[int, float], ...]) -> float:
    total, chance = np.zeros(1), np.ones(1)
    for count, accuracy in answers:
        right = np.arange(count + 1)
        weight = log_odds(accuracy)
        total = (total[:, None] + (2 * right - count) * weight).ravel()
        chance = (chance[:, None] * binom.pmf(right, count, min(max(accuracy, 0.5), SUREST))).ravel()
    return float(chance @ np.tanh(total / 2) ** 2)


def settled_before(votes: Sequence[tuple[str, int]], accuracy: Mapping[str, float], settled: float) -> list[bool]:
    """For each vote, whether the side that is right was known with probability `settled` before it."""
    before, limit = 0.0, log_odds(settled)
    found = []
    for pool, side in votes:
        found.append(abs(before) >= limit)
        before += side * log_odds(accuracy[pool])
    return found
