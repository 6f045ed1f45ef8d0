"""Evaluators who do not answer again what they answered before."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, S, register_fault
from accord.lab.lexicon import truth
from accord.lab.planted.sittings import Sittings
from accord.records import Comparison

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Unsteady"]


@register_fault
class Unsteady(Fault):
    """People see that they had an item before, and click through it.

    The strength is the share of random answers among those to items asked again.
    """

    name: ClassVar = "unsteady"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("OV1 repeats",)
    touches: ClassVar = {"OV1 time": "answers at random are fast"}
    cure: ClassVar = "items come again unannounced, among others"
    gold: ClassVar = "share of the comparisons asked again that are answered by the truth"

    def part(self, settings: S) -> S:
        return replace(settings, weary=self.strength) if isinstance(settings, Sittings) and not self.cured else settings

    def measure_gold(self, planting: "Planting") -> float:
        texts = planting.data.completions
        right = []
        for answer in planting.ledger.feedback():
            if answer.repeat_of is not None and isinstance(answer.judgement, Comparison):
                left, other = (truth(texts[name].text) for name in answer.completions)
                right.append((left > other) == (answer.judgement.preferred == "left"))
        return float(np.mean(right))
