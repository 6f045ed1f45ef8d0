"""Unknown groups: a minority that wants the opposite of what is worth most to the others, found by what it answers."""

from collections.abc import Sequence

import numpy as np

from accord.lab.rewards.collection import Floats
from accord.lab.rewards.points import RewardsPoint
from accord.lab.trust.panel import gold_accuracy
from accord.reward.people.group_number import choose_groups
from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import fit_mixture

__all__ = ["unknown_groups"]

EVALUATORS, ANSWERS = 60, 40
SURE = 2.0  # length of what somebody wants: two who want the same agree on .76 of the pairs
WANTED_D = np.array([1.6, 1.0, 1.0, 1.0])  # the opposite of the first leaves .53 of the pairs in the same order


def unknown_groups(seed: int, minority: int, *, restarts: int = 8) -> list[RewardsPoint]:
    """Accuracies of one reward for all, and of those of the groups that EM finds, whose number is chosen."""
    random = np.random.default_rng([seed, 164])
    wanted_2D = SURE * np.array([WANTED_D, WANTED_D * [-1, 1, 1, 1]]) / np.linalg.norm(WANTED_D)
    group_E = np.repeat([0, 1], [EVALUATORS - minority, minority])[random.permutation(EVALUATORS)]
    who_P = np.repeat(np.arange(EVALUATORS), ANSWERS)
    difference_PD = np.sqrt(2) * random.standard_normal((len(who_P), len(WANTED_D)))
    margin_P = (difference_PD * wanted_2D[group_E[who_P]]).sum(1)
    sign_P = np.where(random.logistic(size=len(who_P)) < margin_P, 1.0, -1.0)
    fit = LinearComparisons(difference_PD * sign_P[:, None])
    number = choose_groups(fit, who_P, seed=seed, restarts=restarts)
    pooled, found = fit_mixture(fit, who_P, 1, seed=seed), fit_mixture(fit, who_P, number.groups, seed=seed)
    pooled_ED = np.repeat(pooled.parameters, EVALUATORS, axis=0)
    found_ED = found.parameters[found.responsibility_EK.argmax(1)]
    named = ("majority", "minority") if minority else ("majority",)
    return [RewardsPoint(what="groups", value=number.groups)] + [
        RewardsPoint(what=f"{how} {name}", value=_accuracy(reward_ED[group_E == k], wanted_2D[k]))
        for how, reward_ED in (("pooled", pooled_ED), ("found", found_ED))
        for k, name in enumerate(named)
    ]


def _accuracy(reward_ED: Sequence[Floats], wanted_D: Floats) -> float:
    """The share of all pairs that the rewards of some people's groups order as these want, mean over people."""
    return float(np.mean([gold_accuracy(reward_D, wanted_D) for reward_D in reward_ED]))
