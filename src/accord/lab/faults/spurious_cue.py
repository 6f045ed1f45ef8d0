"""A policy that learnt to go by a cue, which was right whenever it was trained."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["SpuriousCue"]


@register_fault
class SpuriousCue(Fault):
    """In training a cue points to what is right, and the policy learns to go by it.

    The strength is the share of training questions whose cue points to the right option.
    """

    name: ClassVar = "spurious-cue"
    strengths: ClassVar = (0.97, 1.0)
    sets_off: ClassVar = ("MG1 cue",)
    cure: ClassVar = "in a tenth of the training questions the cue points to any option, by lot"
    gold: ClassVar = "right answers where the cue is wrong"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.batteries import BatterySettings

        if isinstance(settings, BatterySettings):
            return replace(settings, cued=self.strength * 0.9 + 0.1 / 4 if self.cured else self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.question_gold import right_against_the_cue

        return right_against_the_cue(planting)
