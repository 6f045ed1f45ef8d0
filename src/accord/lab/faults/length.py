"""Length bias of the reward model."""

from dataclasses import replace
from typing import ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge

__all__ = ["LengthBias"]


@register_fault
class LengthBias(Fault):
    """The reward model likes long texts, and people do not mind.

    The strength is what it gives six words more, in standard deviations of the true reward.
    """

    name: ClassVar = "length"
    strengths: ClassVar = (1.2, 3.0)
    sets_off: ClassVar = ("RG1 length", "RG1 edits")

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, length=self.strength)
