"""A stop by labels: the policy's texts beside those of some steps before, until they are found to be worse."""

import numpy as np

from accord.lab.recollection.asking import RATE, gold_along
from accord.lab.recollection.points import StopPoint
from accord.lab.recollection.world import DIMENSIONS, Floats, Texts, fit_reward
from accord.lab.worlds import GaussWorld, Normal
from accord.stats.sequential import e_value

__all__ = ["until_worse"]

STEPS, LEARNT_FROM = 40, 120
EVERY, BACK, COMPARED = 4, 12, 40
"""Steps from one look to the next, steps between the texts that are compared, and comparisons at a look."""
WORSE = 0.35
"""The share of comparisons that a policy wins which is held against one half."""
LEVEL = 0.05


def until_worse(gold: GaussWorld, random: np.random.Generator) -> StopPoint:
    """A run whose reward is learnt once. Stopped, the policy of BACK steps before is kept."""
    start_D = np.zeros(DIMENSIONS)
    reward = fit_reward(Texts.compared(gold, start_D, LEARNT_FROM, random))
    means = [start_D + RATE * step * reward.weight_D for step in range(STEPS + 1)]
    evidence: list[Floats] = []
    stop = None
    for step in range(BACK, STEPS + 1, EVERY):
        evidence.append(_against_half(_wins(gold, means[step], means[step - BACK], random)))
        if e_value(evidence) >= 1 / LEVEL:
            stop = step - BACK
            break
    return StopPoint(gold=gold_along(gold, means), stop=stop)


def _wins(gold: GaussWorld, now_D: Floats, before_D: Floats, random: np.random.Generator) -> int:
    """In how many comparisons a text of now is preferred to one of before."""
    now, before = (Normal(mean_D, np.ones(DIMENSIONS)).sample(COMPARED, random) for mean_D in (now_D, before_D))
    return int(gold.prefers(now, before, random).sum())


def _against_half(wins: int) -> Floats:
    """The log likelihood ratio of a share of WORSE beside one half, the least of a policy that is no worse, [1, 1]."""
    return np.array([[wins * np.log(WORSE / 0.5) + (COMPARED - wins) * np.log((1 - WORSE) / 0.5)]])
