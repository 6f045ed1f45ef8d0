"""A reward model that learnt from pairs whose sides were swapped."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["SwappedLabels"]


@register_fault
class SwappedLabels(Fault):
    """What people chose and what they rejected was swapped where the reward model learnt, and nowhere else.

    The strength is the share of its pairs that were: with half of them it knows nothing.
    """

    name: ClassVar = "swapped-labels"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("RE1 accuracy", "RG2 gain")
    touches: ClassVar = {
        "RE1 calibration": "no positive scale makes probabilities of scores that are the wrong way round",
        "RG2 turnover": "the policy is pressed towards what nobody wants",
        "RG2 divergence": "the policy is pressed towards what nobody wants",
    }
    cure: ClassVar = "the sides put right, and the reward learnt anew from the training pairs"
    gold: ClassVar = "accuracy of the reward that is kept, by the truth, on pairs of new texts"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, swapped=self.strength)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import judge_accuracy, reward_accuracy

        return reward_accuracy(planting) if self.cured else judge_accuracy(planting, "reward")
