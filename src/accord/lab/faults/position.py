"""Position bias of the evaluators."""

from collections.abc import Sequence
from typing import ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["PositionBias"]


@register_fault
class PositionBias(Fault):
    """Evaluators lean towards what stands on the left.

    The strength is added to its utility, in standard deviations of the true reward.
    """

    name: ClassVar = "position"
    strengths: ClassVar = (0.6, 1.2)
    sets_off: ClassVar = ("OV1 position",)

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, 1.0, position=self.strength)
