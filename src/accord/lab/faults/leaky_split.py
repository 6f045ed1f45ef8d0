"""A split that lets the same people and texts onto both sides."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.feedback import Dataset
from accord.lab.faults.base import Fault, register_fault

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["LeakySplit"]


@register_fault
class LeakySplit(Fault):
    """Pairs are divided by row, so the independent judge has seen what the reward model learnt from.

    The strength is the share of the pairs of both that is dealt out by row.
    """

    name: ClassVar = "leaky-split"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("RE1 leakage", "P-SPLIT overlap")

    cure: ClassVar = "a split by whole people and prompts"
    gold: ClassVar = (
        "minus the optimism: how much greater the accuracy of a reward that learns from the training pairs is on the "
        "judge's pairs than on the held-out pairs of other people and texts; 0 on average where nothing is shared"
    )

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        if self.cured:
            return data
        pairs_P = [*data.pairs["train"], *data.pairs["eval_reward"]]
        own_P = np.arange(len(pairs_P)) < len(data.pairs["train"])
        by_row_P = random.random(len(pairs_P)) < 0.5
        dealt_P = random.spawn(1)[0].random(len(pairs_P)) < self.strength
        train_P = np.where(dealt_P, by_row_P, own_P)
        sides = {
            split: tuple(
                pair for pair, train in zip(pairs_P, train_P, strict=True) if bool(train) is (split == "train")
            )
            for split in ("train", "eval_reward")
        }
        return replace(data, pairs={**data.pairs, **sides})

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import pairs_right, words_learnt

        learnt_V = words_learnt(planting, list(planting.data.pairs["train"]))
        claimed, honest = (pairs_right(planting, split, learnt_V) for split in ("eval_reward", "held_out"))
        return honest - claimed
