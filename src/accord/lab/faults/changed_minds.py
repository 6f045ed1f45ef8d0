"""People who want something else later on, or of another kind of prompt."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["ChangedMinds", "TwoTastes"]

WHY = {
    "RE1 accuracy": "one score orders the pairs of one side alone",
    "RE1 calibration": "no probability is that of people who want opposites",
    "RG1 edits": "opposed answers cancel, so a preference moves the score less",
    "PM2 one reward": "those who changed are served worse than those who did not",
    "OV1 careless": "over all their answers they agree with others as if at random",
    "MH3 people": "what they say against the others is not foreseen",
}


@register_fault
class ChangedMinds(Fault):
    """Some evaluators want the opposite from the middle of their answers on.

    The strength is their share of a panel.
    """

    name: ClassVar = "changed-minds"
    strengths: ClassVar = (0.4, 0.8)
    sets_off: ClassVar = ("PM1 drift",)
    touches: ClassVar = WHY | {
        "OV1 fatigue": "later answers differ from those of others",
        "OV1 change": "they agree with others up to a point, and then no more",
        "OV1 repeats": "asked again at the end they say something else than at the beginning",
        "FT1 bits": "comparisons stand late in a session, and ratings early",
    }
    cure: ClassVar = "a reward of the first half of each person's answers, and one of the second"
    gold: ClassVar = "accuracy of the reward of the first half, or of all answers, by what was wanted first"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, turns_after=24)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.context_gold import accuracy_of_first_half

        return accuracy_of_first_half(planting, apart=self.cured)


@register_fault
class TwoTastes(Fault):
    """Some evaluators want the opposite of prompts of one mode.

    The strength is their share of a panel.
    """

    name: ClassVar = "two-tastes"
    strengths: ClassVar = (0.25, 0.5)
    sets_off: ClassVar = ("PM1 context",)
    touches: ClassVar = WHY
    cure: ClassVar = "a reward for each mode of prompts"
    gold: ClassVar = (
        "accuracy of the reward of one mode, or of all prompts, on pairs of that mode, by what most want of it"
    )

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, opposite_in="creative")

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.context_gold import accuracy_in_mode

        return accuracy_in_mode(planting, "text", apart=self.cured)
