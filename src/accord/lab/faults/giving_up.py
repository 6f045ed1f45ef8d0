"""Evaluators who stop reading in the middle."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of
from accord.lab.planted.sittings import Sittings
from accord.lab.settings import S

__all__ = ["GivingUp"]


@register_fault
class GivingUp(Fault):
    """Some evaluators answer at random from their thirteenth answer on.

    The strength is their share of a panel.
    """

    name: ClassVar = "giving-up"
    strengths: ClassVar = (0.25, 0.5)
    sets_off: ClassVar = ("OV1 change",)
    touches: ClassVar = {
        "OV1 careless": "most of what they answered is at random",
        "OV1 fatigue": "their answers get worse along the session",
        "OV1 control": "control questions stand late in a session",
        "OV1 time": "answers at random are fast",
        "OV1 repeats": "items are asked again late in a session",
    }
    cure: ClassVar = "a break after every 11 answers"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, tired_lapse=0.98, tired_after=12, tired_over=0.1)

    def part(self, settings: S) -> S:
        return replace(settings, length=11) if isinstance(settings, Sittings) and self.cured else settings
