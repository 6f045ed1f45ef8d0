"""A reward model that is surer than people's answers bear out."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import expit

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import WordJudge, truth

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["OverconfidentReward"]


@register_fault
class OverconfidentReward(Fault):
    """The reward model orders pairs as well as ever, and its probabilities are far too sure.

    The strength is the factor on its log-odds, less one.
    """

    name: ClassVar = "overconfident-reward"
    strengths: ClassVar = (2.0, 9.0)
    sets_off: ClassVar = ("RE1 calibration",)
    cure: ClassVar = "a temperature: margins scaled on pairs that people answered"
    gold: ClassVar = "minus the mean distance between its probabilities and people's, on pairs of new texts"

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return replace(judge, surer=1.0 if self.cured else 1.0 + self.strength)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import fresh_texts, scores_of
        from accord.lab.planted.judging import score_scale
        from accord.reward.card.scored import score_split

        judge, data, texts = planting.judges["reward"], planting.data, fresh_texts(planting)
        scale = judge.surer * score_scale(score_split(judge, data, "train").values, data.pairs["train"])
        logit_N = scale * scores_of(planting, "reward", texts)
        wanted_N = np.array([truth(text) for text in texts]) / planting.world.temperature
        half = len(texts) // 2
        chance_P, true_P = (expit(of_N[:half] - of_N[half:]) for of_N in (logit_N, wanted_N))
        return -float(np.abs(chance_P - true_P).mean())
