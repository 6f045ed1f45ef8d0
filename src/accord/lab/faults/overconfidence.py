"""A policy that is surer of what it knows than it is right."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Overconfidence"]


@register_fault
class Overconfidence(Fault):
    """The policy is surer of its answers than it is right.

    The strength is the power to which its probabilities are raised.
    """

    name: ClassVar = "overconfidence"
    strengths: ClassVar = (2.0, 4.0)
    sets_off: ClassVar = ("DC2 calibration",)
    cure: ClassVar = "its logits are divided by the temperature that fits best on 200 other questions"
    gold: ClassVar = "less the Brier score of its answers to questions of fact"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.questions import QuestionSettings

        return (
            replace(settings, power=self.strength, corrected=self.cured)
            if isinstance(settings, QuestionSettings)
            else settings
        )

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.question_gold import negative_brier_score

        return negative_brier_score(planting)
