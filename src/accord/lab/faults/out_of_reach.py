"""A reward for what the start hardly ever writes."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["OutOfReach"]


@register_fault
class OutOfReach(Fault):
    """Only texts far above the start's are rewarded: groups of rollouts are all alike, and the policy learns nothing.

    The strength is the score from which a text is rewarded.
    """

    name: ClassVar = "out-of-reach"
    strengths: ClassVar = (3.0, 6.0)
    sets_off: ClassVar = ("RL1 coverage",)
    touches: ClassVar = {
        "RL1 reached": "a policy that learns nothing stays where it began",
        "RL1 seeds": "runs with other seeds were rewarded by score, and gained",
    }
    cure: ClassVar = "a reward by score, which tells bad answers from worse ones"
    gold: ClassVar = "what the policy's texts are worth by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.learner import Learner

        if isinstance(settings, Learner) and not self.cured:
            return replace(settings, bar=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import written_truth

        return written_truth(planting, planting.policies[-1])
