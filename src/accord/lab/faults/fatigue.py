"""Sessions that are too long."""

from collections.abc import Sequence
from typing import ClassVar

from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["Fatigue"]


@register_fault
class Fatigue(Fault):
    """After 16 answers of a session, more and more of them are random.

    The strength is the share of random answers at its end.
    """

    name: ClassVar = "fatigue"
    strengths: ClassVar = (0.45, 0.9)
    sets_off: ClassVar = ("OV1 fatigue",)

    touches: ClassVar = {
        "OV1 time": "who answers at random answers fast",
        "OV1 careless": "half of a session is random",
    }

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, 1.0, tired_lapse=self.strength, tired_after=16, tired_over=2)
