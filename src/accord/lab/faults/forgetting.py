"""A policy that unlearnt what its start knew."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Forgetting"]


@register_fault
class Forgetting(Fault):
    """What the policy knew of facts was blurred while it was trained on something else.

    The strength is the standard deviation of what was lost of each option, in log-odds.
    """

    name: ClassVar = "forgetting"
    strengths: ClassVar = (3.0, 12.0)
    sets_off: ClassVar = ("X6 ability",)
    touches: ClassVar = {
        "DC2 calibration": "what was blurred is as sure as before, and less often right",
        "MH2 sycophancy": "a view that is stated weighs as much beside knowledge that is gone",
    }
    cure: ClassVar = "weights averaged with the start's, half and half"
    gold: ClassVar = "right answers to questions of fact"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.questions import QuestionSettings

        if isinstance(settings, QuestionSettings):
            return replace(settings, forgotten=self.strength, averaged=0.5 if self.cured else 0.0)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.question_gold import right_answers

        return right_answers(planting)
