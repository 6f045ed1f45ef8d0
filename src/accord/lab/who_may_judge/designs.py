"""What a sum of money is spent on, and the reward that is learnt from the answers that it buys.

Each judge alone; the model's answers, as many as people would have given for the money (`as often`); and two ways to
spend half of it on each of both:

    routed     the model is asked first, then people about the pairs on which it is least sure; one reward of it all
    corrected  a reward of the model's answers; people's, to other pairs, then move it: its size and a change of each
               weight are learnt, with a normal prior about no change, whose deviation is what foretells held-out
               answers of people best

Rewards are Bradley and Terry's, fitted by `accord.reward`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from accord.lab.who_may_judge.judges import JUDGES, PRICES, Judge
from accord.lab.who_may_judge.world import NUMBERS, Items
from accord.lab.worlds import GaussWorld
from accord.reward.people.linear import LinearComparisons

__all__ = ["DESIGNS", "PAIRS", "Learnt", "answers_for", "corrected_reward", "learn"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DESIGNS = (*JUDGES, "as often", "routed", "corrected")
PAIRS = 30_000
"""Pairs that there are to be judged."""
PRIOR_STD = 2.0
DEVIATIONS = (0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS = 5


@dataclass(frozen=True)
class Learnt:
    """A reward [W], and how many answers of which judge it rests on."""

    reward_W: Floats
    answers: Mapping[str, int]

    @property
    def reward(self) -> GaussWorld:
        """The reward as weights and curvatures."""
        return GaussWorld(weights=tuple(self.reward_W[:NUMBERS]), curvatures=tuple(-2 * self.reward_W[NUMBERS:]))


def answers_for(design: str, money: float, pairs: int) -> dict[str, int]:
    """How many answers of which judge the money buys, of no judge more than there are pairs: the rest is not spent."""

    def count(judge: str, money: float) -> int:
        return min(pairs, int(money / PRICES[judge] + 1e-9))

    match design:
        case "routed" | "corrected":
            return {judge: count(judge, money / 2) for judge in ("model", "people")}
        case "as often":
            return {"model": count("people", money)}
        case _:
            return {design: count(design, money)}


def learn(design: str, answers: Mapping[str, int], judges: Mapping[str, Judge], items: Items, seed: int) -> Learnt:
    """The reward that is fitted to so many answers.

    Judges alone are asked about the first pairs; what corrects a reward are answers to the last ones.
    """

    def answered(judge: str, chosen: Items) -> Floats:
        random = np.random.default_rng([seed, 191, JUDGES.index(judge)])
        return _preferred(chosen, judges[judge].prefers_left(chosen, random))

    match design:
        case "routed":
            asked = items[: answers["model"]]
            near_P = np.argsort(np.abs(asked.margins(judges["model"].view)), kind="stable")[: answers["people"]]
            preferred_PW = answered("model", asked)
            preferred_PW[near_P] = answered("people", asked[near_P])
            return Learnt(_fit(preferred_PW), answers)
        case "corrected":
            first_W = _fit(answered("model", items[: answers["model"]]))
            return Learnt(
                corrected_reward(first_W, answered("people", items[len(items) - answers["people"] :]), seed), answers
            )
        case _:
            ((judge, count),) = answers.items()
            return Learnt(_fit(answered(judge, items[:count])), answers)


def _preferred(items: Items, left_P: Bools) -> Floats:
    """What was preferred less the other text, [P, W]."""
    return items.features_PW * np.where(left_P, 1.0, -1.0)[:, None]


def _fit(preferred_PW: Floats) -> Floats:
    reward_KW, _ = LinearComparisons(preferred_PW, PRIOR_STD)(np.ones((len(preferred_PW), 1)), None)
    return np.asarray(reward_KW[0])


def corrected_reward(first_W: Floats, preferred_PW: Floats, seed: int) -> Floats:
    """A reward [W] that was learnt elsewhere, moved by people's answers as far as these call for it.

    Its length is forgotten: a judge's log-odds are its own. Without any answers it is the direction of the first.
    """
    direction_W = first_W / (np.linalg.norm(first_W) or 1.0)
    if not len(preferred_PW):
        return np.asarray(direction_W)
    fold_P = np.random.default_rng([seed, 192]).permutation(len(preferred_PW)) % FOLDS

    def foretold(std: float) -> float:
        rewards = [_about(direction_W, preferred_PW[fold_P != fold], std) for fold in range(FOLDS)]
        return sum(float(log_expit(preferred_PW[fold_P == k] @ rewards[k]).sum()) for k in range(FOLDS))

    return _about(direction_W, preferred_PW, max(DEVIATIONS, key=foretold))


def _about(direction_W: Floats, preferred_PW: Floats, std: float) -> Floats:
    """a u + change, with a from N(0, 3^2) and the change from N(0, std^2 I): u is the direction."""
    share = std / PRIOR_STD
    feature_PC = np.concatenate([(preferred_PW @ direction_W)[:, None], share * preferred_PW], axis=1)
    weight_C = _fit(feature_PC)
    return np.asarray(weight_C[0] * direction_W + share * weight_C[1:])
