"""The harder control of an opposed minority: people who disagree more and want the same."""

from collections.abc import Sequence
from typing import ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["NoisierMinority"]


@register_fault
class NoisierMinority(Fault):
    """Some evaluators want the same as the others but judge less surely: PM2 should not take it for a disagreement.

    The strength is their share of a panel.
    """

    name: ClassVar = "noisier-minority"
    strengths: ClassVar = (0.2,)

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, temperature=1.5)
