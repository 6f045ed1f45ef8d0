"""A minority whose preferences are the opposite of everybody else's."""

from collections.abc import Sequence
from typing import ClassVar

from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["OpposedMinority"]


@register_fault
class OpposedMinority(Fault):
    """Some evaluators want the opposite of what the others want.

    The strength is their share of a panel.
    """

    name: ClassVar = "opposed-minority"
    strengths: ClassVar = (0.1, 0.2)
    sets_off: ClassVar = ("PM2 one reward",)

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, weights=(-1.0,))
