"""Whose reward: one for all, of known groups, of groups that EM finds. How well each orders what a group would."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.lab.opposed_people import EVALUATORS, Answered, People
from accord.reward.people.group_number import choose_groups
from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import fit_mixture

__all__ = ["Rewards", "learn"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
AT_MOST = 3


@dataclass(frozen=True)
class Rewards:
    """Rewards of K groups [K, D], and of which group each evaluator is taken to be, [E]."""

    reward_KD: Floats
    group_E: Whole

    @property
    def of_evaluator_ED(self) -> Floats:
        """The reward that each evaluator is given."""
        return np.asarray(self.reward_KD[self.group_E])


def learn(people: People, answered: Answered, seed: int, *, restarts: int) -> Mapping[str, Rewards]:
    """`pooled`, `known` (who is of which group is recorded) and `found` (by EM, which chooses their number)."""
    fit, who_P = LinearComparisons(answered.preferred_PD), answered.who_P
    known = np.eye(2)[people.group_E]
    some = known.any(0)  # where nobody differs there is one group
    known_KD, _ = fit(known[who_P][:, some], None)
    pooled_KD, _ = fit(np.ones((len(who_P), 1)), None)
    number = choose_groups(fit, who_P, at_most=AT_MOST, seed=seed, restarts=restarts)
    found = fit_mixture(fit, who_P, number.groups, seed=seed, restarts=restarts)
    return {
        "pooled": Rewards(pooled_KD, np.zeros(EVALUATORS, dtype=np.int64)),
        "known": Rewards(known_KD, people.group_E),
        "found": Rewards(np.asarray(found.parameters), found.responsibility_EK.argmax(1)),
    }
