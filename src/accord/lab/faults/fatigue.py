"""Sessions that are too long."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of
from accord.lab.planted.sittings import Sittings
from accord.lab.settings import S

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
        "OV1 change": "whoever tires gives up in the end",
        "OV1 control": "control questions stand late in a session",
        "OV1 careless": "half of a session is random",
        "OV1 time": "answers at random are fast",
        "OV1 repeats": "items are asked again late in a session",
    }
    cure: ClassVar = "a break after every 15 answers"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, 1.0, tired_lapse=self.strength, tired_after=16, tired_over=2)

    def part(self, settings: S) -> S:
        return replace(settings, length=15) if isinstance(settings, Sittings) and self.cured else settings
