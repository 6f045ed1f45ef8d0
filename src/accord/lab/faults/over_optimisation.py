"""Over-optimisation of a reward model that is wrong where the policy is pushed to."""

from dataclasses import replace
from typing import ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge

__all__ = ["OverOptimisation"]


@register_fault
class OverOptimisation(Fault):
    """The reward model likes hollow words however many there are, and the policy is pressed to write them.

    The strength is the pressure at the last step.
    """

    name: ClassVar = "over-optimisation"
    strengths: ClassVar = (2.0, 3.0)
    sets_off: ClassVar = ("RG2 turnover", "RG2 divergence")

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, hollow=1.5)

    def pressure(self, healthy: float) -> float:
        return self.strength
