"""Results that hang on the seed: of training, and of the reward."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["FailingSeeds", "UndeterminedReward"]


@register_fault
class FailingSeeds(Fault):
    """With some seeds training hardly leaves its start, and the run that is shown is one that did.

    The strength is the share of the other seeds that fail.
    """

    name: ClassVar = "failing-seeds"
    strengths: ClassVar = (0.2, 0.6)
    sets_off: ClassVar = ("RL1 seeds",)
    cure: ClassVar = "a recipe of which no seed fails"
    gold: ClassVar = "what the policies of all seeds gain on average, by the independent judge"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.other_seeds import SeedSettings

        if isinstance(settings, SeedSettings):
            return replace(settings, failing=0.0 if self.cured else self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.seed_gold import mean_gain

        return mean_gain(planting)


@register_fault
class UndeterminedReward(Fault):
    """So few comparisons that what the reward makes of a word is the seed's doing.

    The strength is the standard deviation by which each seed's reward is wrong about a word, in the words' own unit.
    """

    name: ClassVar = "undetermined-reward"
    strengths: ClassVar = (0.3, 0.6)
    sets_off: ClassVar = ("X7 undetermined",)
    touches: ClassVar = {
        "RE1 accuracy": "a reward that goes by chance orders fewer pairs as people do",
        "RE1 calibration": "what chance adds to a margin is no evidence of a preference",
        "RG1 edits": "a preference moves such a score less",
        "RG1 gameable": "what chance made of a word the independent judge does not confirm",
        "RG2 gain": "what the reward gains by chance nobody else confirms",
        "RG2 turnover": "so poor a reward is soon used up",
        "RG2 divergence": "so poor a reward is soon used up",
        "DC2 diversity": "the policy is pressed to the words that chance made dear",
        "DC2 entropy": "the policy is pressed to the words that chance made dear",
        "RL1 seeds": "each seed's policy follows another reward",
        "RL1 reached": "the planted policy's texts stay as long as its start's, which its objective would not have",
    }
    cure: ClassVar = "four times as many comparisons, which halve the error"
    gold: ClassVar = "accuracy of the reward by the truth on pairs of new texts"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, error=self.strength / 2 if self.cured else self.strength)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import judge_accuracy

        return judge_accuracy(planting, "reward")
