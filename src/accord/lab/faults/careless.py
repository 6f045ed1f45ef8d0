"""Evaluators who do not read."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from accord.feedback import Dataset, weigh
from accord.lab.evaluators import SimulatedEvaluator
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
    cure: ClassVar = 'answers weighted by reliability (`[data] trust = "one_coin"`)'

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, lapse=0.95)

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return weigh(data, trust="one_coin", pools={}, population=None)[0] if self.cured else data
