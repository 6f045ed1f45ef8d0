"""Evaluators who answer as they did the last time."""

from collections.abc import Sequence
from typing import ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["StraightLines"]


@register_fault
class StraightLines(Fault):
    """A fifth of the evaluators repeat their last answer more often than not.

    The strength is the chance that an answer is the last one of its kind.
    """

    name: ClassVar = "straight-lines"
    strengths: ClassVar = (0.4, 0.7)
    sets_off: ClassVar = ("OV1 straight lines",)
    touches: ClassVar = {
        "OV1 careless": "whoever repeats an answer did not read",
        "OV1 control": "control questions are answered unread as well",
    }

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, 0.2, repetition=self.strength)
