"""Length bias of the reward model."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge, truth

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["LengthBias"]


@register_fault
class LengthBias(Fault):
    """The reward model likes long texts, and people do not mind.

    The strength is what it gives six words more, in standard deviations of the true reward.
    """

    name: ClassVar = "length"
    strengths: ClassVar = (1.2, 3.0)
    sets_off: ClassVar = ("RG1 length", "RG1 edits")

    touches: ClassVar = {
        "RE1 accuracy": "a reward that follows length orders fewer pairs as people do",
        "RE1 calibration": "what length adds to a margin is no evidence of a preference",
        "RL1 reached": "the planted policy's texts stay as long as its start's, which its objective would not have",
    }
    cure: ClassVar = (
        "length regressed out: what people's pairs give the score and the length, by a Bradley-Terry fit to both"
    )
    gold: ClassVar = "accuracy by the truth on pairs of new texts, whose lengths have nothing to do with it"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, length=self.strength)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import fresh_texts, orders_as, scores_of, weights_of_pairs

        texts = fresh_texts(planting)
        feature_N2 = np.stack([scores_of(planting, "reward", texts), [len(text.split()) for text in texts]], 1)
        weight_2 = weights_of_pairs(planting, "reward") if self.cured else np.array([1.0, 0.0])
        return orders_as(feature_N2 @ weight_2, np.array([truth(text) for text in texts]))
