"""Does some group gain from a reward of its own?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.audit.misspecification.answers import Answers
from accord.audit.misspecification.bradley_terry import KINDS, WEAK_PRIOR, fit, fit_kinds
from accord.errors import MissingEvidence
from accord.stats import Estimate, mean

__all__ = ["GroupGains", "gains_of"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GroupGains:
    """By group, the accuracy of its own reward less that of everybody's, and its evaluators by name.

    `judged` names the groups of at most half of the evaluators. Intervals hold for all groups at once (Bonferroni).
    """

    gain: dict[str, Estimate]
    members: dict[str, list[str]]
    judged: list[str]

    @property
    def worst(self) -> str:
        """The group that surely gains most, of those judged (of all where none is)."""
        return max(self.judged or self.gain, key=self._order)

    def _order(self, name: str) -> tuple[float, float]:
        gain = self.gain[name]
        return -np.inf if gain.low is None else gain.low, gain.value


class HalfGain(NamedTuple):
    """Of each pair of a group in the half not learnt from: the gain (-1, 0, 1), whose it is, and of which texts."""

    gain_M: Floats
    evaluator_M: Codes
    text_M: Codes


def gains_of(answers: Answers, recorded: Mapping[str, Mask], prior: float) -> GroupGains:
    """The gains of recorded groups and of kinds found by a mixture; where everybody is of one kind, there is no other.

    Intervals are over people and, crossed with them, texts: what a group's reward gets right of a text it gets right
    for all of the group. Kinds are found and rewards fitted on one half of the texts, and judged on the other, each way
    round. Raises `MissingEvidence` where nobody answered about both.
    """
    halves = [_gains_on_half(answers.of_half(half), answers.of_half(1 - half), recorded, prior) for half in (0, 1)]
    gain: dict[str, Estimate] = {}
    members: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for name in halves[0]:
        gain_M = np.concatenate([half[name].gain_M for half in halves])
        evaluator_M = np.concatenate([half[name].evaluator_M for half in halves])
        if gain_M.size:
            units = [answers.units[place] for place in evaluator_M.tolist()]
            texts = np.concatenate([half[name].text_M for half in halves]).tolist()
            gain[name] = mean(gain_M, units, crossed=texts, level=1 - 0.05 / len(halves[0]))
            members[name] = [answers.names[place] for place in np.unique(evaluator_M).tolist()]
            sizes[name] = sum(np.unique(half[name].evaluator_M).size for half in halves)
    if not gain:
        raise MissingEvidence(
            "people with decided held-out pairs in both halves of the texts, so that a kind which is found in one can "
            f"be judged in the other (all {len(answers.names)} answered about texts of one half alone)"
        )
    judged = [name for name, size in sizes.items() if size <= len(answers.names)]  # of two halves
    return GroupGains(gain, members, judged)


def _gains_on_half(learn: Answers, test: Answers, recorded: Mapping[str, Mask], prior: float) -> dict[str, HalfGain]:
    """By group: of each pair of the test half, whether its own reward is right less whether everybody's is.

    Kinds stand in order of the weight that they give the score, lowest first, so that they are the same kind in both
    halves.
    """
    everybody_2 = fit(learn.difference_N2, np.zeros(2), WEAK_PRIOR)
    weight_K2, kind_E = fit_kinds(learn, everybody_2, prior)
    own = {f"kind {kind + 1} of {KINDS}": (kind_E == kind, weight_K2[kind]) for kind in range(KINDS)}
    for name, member_E in recorded.items():
        own[name] = member_E, fit(learn.difference_N2[member_E[learn.evaluator_N]], everybody_2, prior)
    gains: dict[str, HalfGain] = {}
    for name, (member_E, weight_2) in own.items():
        member_N = member_E[test.evaluator_N]
        difference_M2 = test.difference_N2[member_N]
        gain_M = (difference_M2 @ weight_2 > 0).astype(np.float64) - (difference_M2 @ everybody_2 > 0)
        gains[name] = HalfGain(gain_M, test.evaluator_N[member_N], test.text_N[member_N])
    return gains
