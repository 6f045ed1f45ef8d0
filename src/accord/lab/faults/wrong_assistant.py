"""A machine whose remarks mislead those who judge."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.planted.parts.verifiable import KnownLabel, SumSettings
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["WrongAssistant"]


@register_fault
class WrongAssistant(Fault):
    """The assistant beside the items is right in three of ten remarks, and people follow it.

    The strength is how often they do.
    """

    name: ClassVar = "wrong-assistant"
    strengths: ClassVar = (0.4, 0.8)
    sets_off: ClassVar = ("OV3 assistance",)
    cure: ClassVar = "remarks are verified by a tool before they are shown"
    gold: ClassVar = "accuracy of the crowd's answers beside a remark"

    def part(self, settings: S) -> S:
        if isinstance(settings, SumSettings):
            return replace(settings, assistant=1.0 if self.cured else 0.3, trust=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        labels: list[KnownLabel] = planting.notes["known labels"]
        return float(np.mean([label.right for label in labels if label.assisted]))
