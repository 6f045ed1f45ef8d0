"""A policy that is judged by what it was trained to please, under another name."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["SameJudge"]


@register_fault
class SameJudge(Fault):
    """The policy is trained to please the very judge that evaluates it, whose weights lie in a folder of the reward's.

    The strength is 1: two judges are one, or they are two.
    """

    name: ClassVar = "same-judge"
    strengths: ClassVar = (1.0,)
    sets_off: ClassVar = ("RE1 same judge",)
    cure: ClassVar = "a judge that learnt from feedback of its own"
    gold: ClassVar = "minus by how much the judge sees more of a gain than the policy made by the truth"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return judge if self.cured or not self.strength else replace(judge, name="judge")

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import gain_overrated

        return -gain_overrated(planting, "eval_reward")
