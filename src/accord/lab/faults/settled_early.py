"""A policy that settled before it had tried enough."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["SettledEarly"]


@register_fault
class SettledEarly(Fault):
    """To each prompt the policy writes again and again the first text that was a little better than usual.

    The strength is how often it does; else it writes as its start.
    """

    name: ClassVar = "settled-early"
    strengths: ClassVar = (0.6, 0.95)
    sets_off: ClassVar = ("RL1 exploration",)
    touches: ClassVar = {
        "DC2 excess": "the policy pays KL for texts that are hardly better",
        "DC2 diversity": "the policy writes one text to a prompt",
        "DC2 entropy": "the policy writes one text to a prompt",
        "RL1 reached": "the policy gained little of what its objective offered",
        "RL1 seeds": "the policies of other seeds did not settle, and gained more",
    }
    cure: ClassVar = "a policy that goes on trying, as far as its objective lets it"
    gold: ClassVar = "the truth of the best of the policy's samples of a prompt"

    def part(self, settings: S) -> S:
        from accord.lab.planted.learner import Learner

        if isinstance(settings, Learner) and not self.cured:
            return replace(settings, settled=self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import best_written

        return best_written(planting)
