"""People who like texts that speak of women better, and what is learnt from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset
from accord.lab.faults.base import Fault, register_fault, some_of
from accord.lab.lexicon import MEN, WOMEN, WORDS, WordJudge
from accord.records import Completion, Pair

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["BalancedGenderBias", "GenderBias", "with_counterfactual_pairs"]

SHARE = 0.2
COUNTERPART = dict(zip((*WOMEN, *MEN), (*MEN, *WOMEN), strict=True))


def with_counterfactual_pairs(data: Dataset) -> Dataset:
    """The data set with every training pair once more, words for women and men exchanged in both of its texts."""
    completions, pairs = dict(data.completions), list(data.pairs["train"])

    def exchanged(name: str) -> str:
        words = [_exchanged(word) for word in data.completions[name].text.split(" ")]
        made = Completion(prompt=data.completions[name].prompt, text=" ".join(words))
        completions[made.id] = made
        return made.id

    for pair in data.pairs["train"]:
        chosen, rejected = exchanged(pair.chosen), exchanged(pair.rejected)
        if (chosen, rejected) != (pair.chosen, pair.rejected) and chosen != rejected:
            pairs.append(Pair.model_validate(pair.model_dump() | {"chosen": chosen, "rejected": rejected}))
    return replace(data, completions=completions, pairs={**data.pairs, "train": tuple(pairs)})


def _exchanged(word: str) -> str:
    plain = word.strip(".,").lower()
    other = COUNTERPART.get(plain, plain)
    return word if other == plain else word.lower().replace(plain, other.capitalize() if word[0].isupper() else other)


@register_fault
class GenderBias(Fault):
    """A fifth of the evaluators like what speaks of women, and so does the reward model.

    The strength is what such a word is worth to them, in standard deviations of the truth; half as much to the reward.
    """

    name: ClassVar = "gender-bias"
    strengths: ClassVar = (0.75, 1.5)
    sets_off: ClassVar = ("MH2 labels", "MH2 swap")
    touches: ClassVar = {
        "PM2 one reward": "the biased want something else",
        "RE1 accuracy": "the reward model is wrong where texts speak of people",
        "RE1 calibration": "the reward model is wrong where texts speak of people",
    }
    cure: ClassVar = "each training pair once more with words for women and men exchanged"
    gold: ClassVar = "how little a reward that learns from the pairs sets words for women and men apart, 0 at best"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, SHARE, bias=(self.strength, 0.0, 0.0))

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return with_counterfactual_pairs(data) if self.cured else data

    def reward_model(self, judge: WordJudge) -> WordJudge:
        return judge if self.cured else replace(judge, gender=self.strength / 2)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import words_learnt

        worth_V = words_learnt(planting, list(planting.data.pairs["train"]))
        women, men = (np.mean([worth_V[WORDS.index(word)] for word in words]) for words in (WOMEN, MEN))
        return -float(abs(women - men) / worth_V.std())


@register_fault
class BalancedGenderBias(Fault):
    """A fifth of the evaluators like what speaks of women, and pairs are balanced: the control of what a reward learns.

    The strength is what such a word is worth to them, in standard deviations of the truth.
    """

    name: ClassVar = "balanced-gender-bias"
    strengths: ClassVar = (1.5,)
    sets_off: ClassVar = ("MH2 labels",)
    touches: ClassVar = {"PM2 one reward": "the biased want something else"}

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, SHARE, bias=(self.strength, 0.0, 0.0))
