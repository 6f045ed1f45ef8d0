"""A minority whose preferences are the opposite of everybody else's."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of
from accord.lab.lexicon import truth

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["OpposedMinority"]


@register_fault
class OpposedMinority(Fault):
    """Some evaluators want the opposite of what the others want.

    The strength is their share of a panel.
    """

    name: ClassVar = "opposed-minority"
    strengths: ClassVar = (0.1, 0.3)
    sets_off: ClassVar = ("PM2 one reward",)

    touches: ClassVar = {
        "RE1 accuracy": "no score orders the pairs of people who want opposites as both do",
        "RE1 calibration": "no probability is that of people who want opposites",
        "RG1 edits": "opposed answers cancel, so a preference moves the score less",
        "MH3 people": "the minority's answers go against what all the others foresee",
    }
    cure: ClassVar = "a reward for each kind of person, told by whose answers everybody's reward surely gets wrong"
    gold: ClassVar = "accuracy, by what the minority wants, of the reward that serves each of its training evaluators"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, weights=(-1.0,))

    def measure_gold(self, planting: "Planting") -> float:
        """Of the training evaluators who want the opposite; 0.5 where there are none of them."""
        from accord.lab.planted.gold import fresh_texts, orders_as, word_counts, words_learnt
        from accord.lab.planted.kinds import opposed_to

        pairs = list(planting.data.pairs["train"])
        everybody_V = words_learnt(planting, pairs)
        apart = opposed_to(planting, pairs, everybody_V) if self.cured else set()
        served_V = dict.fromkeys(planting.data.evaluators, everybody_V)
        if apart:
            own_V = words_learnt(planting, [pair for pair in pairs if pair.evaluator in apart])
            served_V |= dict.fromkeys(apart, own_V)
        minority = {pair.evaluator for pair in pairs if pair.evaluator} & self._changed(planting)
        texts = fresh_texts(planting)
        wanted_N = np.array([-truth(text) for text in texts])
        count_NV = word_counts(texts)
        shares = [orders_as(count_NV @ served_V[name], wanted_N) for name in sorted(minority)]
        return float(np.mean(shares)) if shares else 0.5

    def _changed(self, planting: "Planting") -> set[str]:
        """The ids of those whom the fault changed, by the places that they have in their panels."""
        from accord.lab.planted.panels import GROUPS, group_of

        return {
            planting.person(f"panel {panel}, evaluator {place}", group=group_of(place, size, GROUPS)).evaluator.id
            for panel, size in enumerate(planting.world.panels)
            for place in range(round(self.strength * size))
        }
