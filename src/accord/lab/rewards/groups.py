"""Unknown groups: a minority that wants the opposite of what is worth most to the others, found by what it answers."""

from collections.abc import Sequence

import numpy as np

from accord.lab.opposed_people import EVALUATORS, WANTED_2D, People
from accord.lab.rewards.collection import Floats
from accord.lab.rewards.points import RewardsPoint
from accord.lab.trust.panel import gold_accuracy
from accord.reward.people.group_number import choose_groups
from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import fit_mixture

__all__ = ["mean_accuracy", "unknown_groups"]

ANSWERS = 40


def unknown_groups(seed: int, minority: int, *, restarts: int = 8) -> list[RewardsPoint]:
    """Accuracies of one reward for all, and of those of the groups that EM finds, whose number is chosen."""
    random = np.random.default_rng([seed, 164])
    people = People.draw(minority, random)
    answered = people.answer(ANSWERS, random)
    fit, who_P, group_E = LinearComparisons(answered.preferred_PD), answered.who_P, people.group_E
    number = choose_groups(fit, who_P, seed=seed, restarts=restarts)
    pooled, found = fit_mixture(fit, who_P, 1, seed=seed), fit_mixture(fit, who_P, number.groups, seed=seed)
    pooled_ED = np.repeat(pooled.parameters, EVALUATORS, axis=0)
    found_ED = found.parameters[found.responsibility_EK.argmax(1)]
    named = ("majority", "minority") if minority else ("majority",)
    return [RewardsPoint(what="groups", value=number.groups)] + [
        RewardsPoint(what=f"{how} {name}", value=mean_accuracy(reward_ED[group_E == k], WANTED_2D[k]))
        for how, reward_ED in (("pooled", pooled_ED), ("found", found_ED))
        for k, name in enumerate(named)
    ]


def mean_accuracy(reward_ED: Sequence[Floats] | Floats, wanted_D: Floats) -> float:
    """The share of all pairs that the rewards of some people's groups order as these want, mean over people."""
    return float(np.mean([gold_accuracy(reward_D, wanted_D) for reward_D in reward_ED]))
