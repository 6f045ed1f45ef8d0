"""A majority that mildly prefers one kind of answer, a minority that strongly prefers the other.

Which of two is preferred says that the majority is right; how strongly, that the mean utility is with the minority
(Siththaranjan, Laidlaw & Hadfield-Menell 2023, arXiv 2312.08358: preference learning counts votes, as Borda did).
"""

from dataclasses import dataclass

import numpy as np

from accord.lab.rewards.collection import Collection, Floats
from accord.lab.rewards.linear import Likelihood, fit
from accord.lab.rewards.people import compare
from accord.lab.rewards.points import RewardsPoint
from accord.reward.kinds.bradley_terry import BradleyTerry

__all__ = ["ANSWERS", "ARMS", "strengths"]

EVALUATORS, ANSWERS, WIDTH = 40, 40, 4
NOISE = 0.25  # scale of what is felt beside the utility
BESIDE = 0.3  # deviation of what both make of everything else in which two texts differ
PRIOR_STD = 10.0
REWARDS = {
    "plain": BradleyTerry(),
    "margin": BradleyTerry(strength="margin", margin_scale=3.0),
    "ordinal": BradleyTerry(ties="rao_kupper", strength="ordinal"),
}


@dataclass(frozen=True)
class Setting:
    """The share of the majority, and what both make of the kind of answer, in units of utility."""

    majority: float = 0.6
    mild: float = 1.0
    strong: float = -4.0


ARMS = {"strengths": Setting(), "strengths-alike": Setting(strong=-1.0)}


def strengths(setting: Setting, seed: int, *, answers: int = ANSWERS) -> list[RewardsPoint]:
    """Whether each way of reading the comparisons orders both kinds of answer by their mean utility."""
    random = np.random.default_rng([seed, 162])
    group_E = np.arange(EVALUATORS) < round(setting.majority * EVALUATORS)
    kind_E = np.where(group_E, setting.mild, setting.strong)
    weight_D = BESIDE * _direction(random)
    texts = Collection()
    for number in range(EVALUATORS * answers):
        row_2D = random.standard_normal((2, WIDTH + 1))
        row_2D[:, -1] = random.permutation([0.0, 1.0])
        wanted_D = np.append(weight_D, kind_E[number % EVALUATORS])
        felt = float((row_2D[0] - row_2D[1]) @ wanted_D + NOISE * random.logistic())
        texts.say(number % EVALUATORS, number, texts.texts(number, row_2D), compare(felt))
    wanted = np.sign(kind_E.mean())
    return [
        RewardsPoint(what=name, value=float(np.sign(fitted_D[-1]) == wanted))
        for name, reward in REWARDS.items()
        for fitted_D in [fit(Likelihood(reward.terms(texts.data()), texts, prior_std=PRIOR_STD))]
    ]


def _direction(random: np.random.Generator) -> Floats:
    weight_D = random.standard_normal(WIDTH)
    return np.asarray(weight_D / np.linalg.norm(weight_D))
