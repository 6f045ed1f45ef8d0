"""Policies that stopped short of their objective's optimum, or were pressed beyond it."""

from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import SCALE

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Overshoot", "Undertrained"]


class OffItsObjective(Fault):
    """The policy has so many times the pressure that its objective asks for; with the cure as much."""

    gold: ClassVar = "the policy's objective: its reward less the price of its KL"

    @property
    def times(self) -> float:
        """The pressure of the policy, of which the objective's is 1."""
        return self.strength

    def pressure(self, healthy: float) -> float:
        return healthy if self.cured else healthy * self.times

    def overshoot(self) -> float:
        return 1.0 if self.cured else self.times

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import objective_reached

        return objective_reached(planting, kl_coef=1 / (SCALE * planting.world.pressure))


@register_fault
class Overshoot(OffItsObjective):
    """The policy is pressed further than its objective asks for, as a learning rate that is too high does.

    The strength is how many times the pressure of the objective it has.
    """

    name: ClassVar = "overshoot"
    strengths: ClassVar = (2.0, 4.0)
    sets_off: ClassVar = ("DC2 excess",)
    touches: ClassVar = {
        "DC2 diversity": "the policy is pressed to the same few words",
        "DC2 entropy": "the policy is pressed to the same few words",
        "RG2 turnover": "so much pressure finds whatever the reward model has wrong",
        "RG2 divergence": "so much pressure finds whatever the reward model has wrong",
        "RL1 reached": "past the optimum the objective falls again",
    }
    cure: ClassVar = "stopping where the objective is greatest"


@register_fault
class Undertrained(OffItsObjective):
    """The policy stopped before it had what its objective offered.

    The strength is how many times smaller its pressure is than the objective's.
    """

    name: ClassVar = "undertrained"
    strengths: ClassVar = (2.0, 6.0)
    sets_off: ClassVar = ("RL1 reached",)
    cure: ClassVar = "more steps, until the objective rises no more"

    @property
    def times(self) -> float:
        return 1 / self.strength
