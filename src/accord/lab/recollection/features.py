"""Rounds in which a feature that the first reward over-estimates is written more and more, and one is forgotten.

A text has each of some features or not, independently; gold is what they are worth. The first reward thinks too much of
one and too little of another. Each round moves the policy towards the optimum of reward less KL, which is known feature
by feature, has pairs of its texts compared, and learns again from all that was said with a prior about the first
reward. Where all texts have a feature, or none has, no pair says anything of it (Krueger et al. 2020, arXiv
2009.09153).
"""

import numpy as np
from scipy.special import expit, logit

from accord.lab.recollection.points import FeaturePoint
from accord.lab.recollection.world import Floats, Texts, fit_reward

__all__ = ["OVER", "ROUNDS", "UNDER", "rounds_of"]

ROUNDS, PAIRS, FEATURES = 5, 60, 8
OVER, UNDER = 0, 1
START = 0.25
"""The chance of each feature in a text of the start."""
WORTH = 1.0
BIAS = 3.0
"""By how much the first reward over-estimates the one, which is worth nothing, and under-estimates the other."""
PRIOR_STD = 0.7
KL_COEF, STEP = 0.3, 0.5
"""Of the policy's objective, and how far of the way to its optimum it goes in a round."""


def rounds_of(seed: int, share: float, *, biased: bool) -> FeaturePoint:
    """Some rounds; `share` of the texts to be compared are the start's."""
    random = np.random.default_rng([seed, 213])
    worth_F = random.normal(0, WORTH / 2, FEATURES)
    worth_F[OVER], worth_F[UNDER] = 0.0, WORTH
    first_F = worth_F.copy()
    if biased:
        first_F[OVER] += BIAS
        first_F[UNDER] -= BIAS
    start_F = np.full(FEATURES, logit(START))
    odds_F, reward_F = start_F.copy(), first_F
    said: list[Texts] = []
    path = [odds_F]
    for _ in range(ROUNDS):
        odds_F = odds_F + STEP * (start_F + reward_F / KL_COEF - odds_F)
        path.append(odds_F)
        said.append(_compared(worth_F, odds_F, start_F, share, random))
        reward_F = fit_reward(Texts.all_of(said), prior_std=PRIOR_STD, about_D=first_F).weight_D
    return FeaturePoint(
        share=share,
        over=tuple(float(each[OVER]) for each in path),
        under=tuple(float(each[UNDER]) for each in path),
        gold=tuple(float(worth_F @ (expit(each) - expit(start_F))) for each in path),
    )


def _compared(worth_F: Floats, odds_F: Floats, start_F: Floats, share: float, random: np.random.Generator) -> Texts:
    """Pairs of texts, each written by the policy or, so often, by the start; judged by Bradley-Terry."""
    by_start_P2 = random.random((PAIRS, 2)) < share
    chance_P2F = np.where(by_start_P2[..., None], expit(start_F), expit(odds_F))
    text_P2F = (random.random(chance_P2F.shape) < chance_P2F).astype(float)
    difference_PF = text_P2F[:, 0] - text_P2F[:, 1]
    return Texts(difference_PF, (random.random(PAIRS) < expit(difference_PF @ worth_F)).astype(float))
