"""Items that are too hard for those who judge them."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.planted.parts.verifiable import KnownLabel, SumSettings
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["HardTasks", "labels_of_the_hardest"]


@register_fault
class HardTasks(Fault):
    """Sums have more digits than people can add up: half of the answers to sums of three are guesses.

    The strength is how many digits the longest have.
    """

    name: ClassVar = "hard-tasks"
    strengths: ClassVar = (4.0, 8.0)
    sets_off: ClassVar = ("OV3 difficulty",)
    cure: ClassVar = "people judge each step of a sum, which has one digit, instead of two results"
    gold: ClassVar = "accuracy of the crowd's answers on the hardest third of the sums"

    def part(self, settings: S) -> S:
        if isinstance(settings, SumSettings):
            return replace(settings, digits=round(self.strength), steps=self.cured)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        return float(np.mean([label.right for label in labels_of_the_hardest(planting) if not label.expert]))


def labels_of_the_hardest(planting: "Planting") -> list[KnownLabel]:
    """Answers, without a machine's help, to the sums with more digits than two thirds of them have."""
    labels: list[KnownLabel] = planting.notes["known labels"]
    digits = {label.item: label.digits for label in labels}
    least = sorted(digits.values())[len(digits) * 2 // 3]
    return [label for label in labels if label.digits >= least and not label.assisted]
