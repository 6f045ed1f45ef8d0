"""Position bias of the evaluators."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.faults.base import Fault, S, register_fault, some_of
from accord.lab.planted.sittings import Sittings

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["PositionBias"]


@register_fault
class PositionBias(Fault):
    """Evaluators lean towards what stands on the left.

    The strength is added to its utility, in standard deviations of the true reward.
    """

    name: ClassVar = "position"
    strengths: ClassVar = (0.3, 0.6)
    sets_off: ClassVar = ("OV1 position",)
    cure: ClassVar = "half as many pairs, each compared in both orders"
    gold: ClassVar = "accuracy of a reward that learns from the run's comparisons alone, by the truth"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, 1.0, position=self.strength)

    def part(self, settings: S) -> S:
        return replace(settings, both_orders=True) if isinstance(settings, Sittings) and self.cured else settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import reward_accuracy

        compared = [pair for pair in planting.data.pairs["train"] if pair.margin is None]
        return reward_accuracy(planting, pairs=compared)
