"""Held-out pairs in which the better text is the longer one."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.feedback import Dataset
from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S
from accord.records import Pair

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["ConfoundedPairs"]

LENGTHWISE = 12.0  # what the reward that goes most by length gives six words more, SDs of the truth


@register_fault
class ConfoundedPairs(Fault):
    """Pairs were held out in which the better text is longer, so that rewards by length seem the best of several.

    The strength is the share of the other pairs that are not there.
    """

    name: ClassVar = "confounded-pairs"
    strengths: ClassVar = (0.9, 1.0)
    sets_off: ClassVar = ("RE1 foretold",)
    touches: ClassVar = {
        "X7 undetermined": "rewards that go by length by different amounts order texts otherwise",
        "RG1 underspecified": "rewards that go by length by different amounts order texts otherwise",
        "RL1 seeds": "policies of rewards that go by length by different amounts gain different amounts",
        "RE1 accuracy": "length alone is as often right on such pairs",
        "MH2 labels": "in the held-out pairs that are left the better text is the longer one",
    }
    cure: ClassVar = "the reward chosen by the best of n under the independent judge"
    gold: ClassVar = "accuracy by the truth, on pairs of new texts, of the reward that is chosen"

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        pairs = dict(data.pairs)
        kept = [pair for pair in pairs["held_out"] if _longer_is_better(data, pair) or random.random() >= self.strength]
        return replace(data, pairs={**pairs, "held_out": tuple(kept)})

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.other_seeds import SeedSettings

        return replace(settings, lengthwise=LENGTHWISE) if isinstance(settings, SeedSettings) else settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import judge_accuracy
        from accord.lab.planted.reward_choice import best_by_judge, best_by_pairs

        return judge_accuracy(planting, best_by_judge(planting) if self.cured else best_by_pairs(planting))


def _longer_is_better(data: Dataset, pair: Pair) -> bool:
    chosen, rejected = (len(data.completions[name].text.split()) for name in (pair.chosen, pair.rejected))
    return chosen > rejected
