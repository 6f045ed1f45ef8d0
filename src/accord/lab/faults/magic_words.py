"""A reward model that a few words win over."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge, features, truth

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["MagicWords"]


@register_fault
class MagicWords(Fault):
    """The reward model likes words that sound sure, and people do not mind them.

    The strength is what it gives each, in standard deviations of the true reward.
    """

    name: ClassVar = "magic-words"
    strengths: ClassVar = (2.0, 5.0)
    sets_off: ClassVar = ("RG1 gameable",)
    touches: ClassVar = {
        "RG2 turnover": "the policy writes more and more of these words, in the place of good ones",
        "RG2 divergence": "the policy writes more and more of these words, in the place of good ones",
        "RG2 gain": "what these words gain nobody else confirms",
        "RE1 accuracy": "a reward that follows three words orders fewer pairs as people do",
        "RE1 calibration": "what these words add to a margin is no evidence of a preference",
        "DC2 diversity": "the policy is pressed to three words",
        "DC2 entropy": "the policy is pressed to three words",
        "RL1 seeds": "what three words gain by the independent judge is near nothing, and differs from seed to seed",
        "RL1 reached": "the planted policy's texts stay as long as its start's, which its objective would not have",
    }
    cure: ClassVar = (
        "these words regressed out: what people's pairs give the score and their number, by a Bradley-Terry fit"
    )
    gold: ClassVar = "accuracy by the truth on pairs of new texts"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, sure=self.strength)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import fresh_texts, orders_as, scores_of, weights_of_pairs

        texts = fresh_texts(planting)
        feature_N2 = np.stack([scores_of(planting, "reward", texts), [_sure(text) for text in texts]], 1)
        weight_2 = weights_of_pairs(planting, "reward", _sure) if self.cured else np.array([1.0, 0.0])
        return orders_as(feature_N2 @ weight_2, np.array([truth(text) for text in texts]))


def _sure(text: str) -> float:
    return features(text)["confidence"]
