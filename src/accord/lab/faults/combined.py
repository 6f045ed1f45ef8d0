"""Several faults in one run."""

from collections.abc import Sequence
from math import prod
from typing import Self

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset
from accord.lab.faults.base import Fault
from accord.lab.lexicon import WordJudge
from accord.lab.settings import S

__all__ = ["Combined"]


class Combined(Fault):
    """The faults that it is made of, each planted into what those before it left."""

    name = "combined"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        for fault in self.faults:
            panel = fault.evaluators(panel)
        return panel

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        for fault in self.faults:
            data = fault.dataset(data, random)
        return data

    def reward_model(self, judge: WordJudge) -> WordJudge:
        for fault in self.faults:
            judge = fault.reward_model(judge)
        return judge

    def pressure(self, healthy: float) -> float:
        for fault in self.faults:
            healthy = fault.pressure(healthy)
        return healthy

    def overshoot(self) -> float:
        return prod(fault.overshoot() for fault in self.faults)

    def part(self, settings: S) -> S:
        for fault in self.faults:
            settings = fault.part(settings)
        return settings

    def with_cure(self) -> Self:
        """Each of them with its cure."""
        return type(self)([fault.with_cure() for fault in self.faults])
