"""Evaluators who do not read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset, weigh
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["Careless"]


@register_fault
class Careless(Fault):
    """Some evaluators answer at random, and fast.

    The strength is their share of a panel.
    """

    name: ClassVar = "careless"
    strengths: ClassVar = (0.125, 0.25)
    sets_off: ClassVar = ("OV1 careless", "OV1 time")
    touches: ClassVar = {"OV1 control": "control questions are answered unread as well; four a person are few"}
    cure: ClassVar = "answers of evaluators who are surely careless, by the votes of the others, are left out"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, lapse=0.95)

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return without_careless(data) if self.cured else data


def without_careless(data: Dataset) -> Dataset:
    """Without the training pairs of people whom trust calls careless.

    Weighing by reliability leaves all weights at 1 where it is not sure to foretell votes better, as with so few
    people it often is not.
    """
    _, trust = weigh(data, trust="one_coin", pools={}, population=None)
    careless = {row.evaluator for row in trust.splits["train"].evaluators if row.standing == "careless"}
    kept = tuple(pair for pair in data.pairs["train"] if pair.evaluator not in careless)
    return replace(data, pairs={**data.pairs, "train": kept})
