"""A handful of people who give all the answers."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault

__all__ = ["FewHeads"]


@register_fault
class FewHeads(Fault):
    """A few people give all the answers, each with a taste of their own for formal or chatty words.

    The strength is by how much smaller every panel is, two people at least.
    """

    name: ClassVar = "few-heads"
    strengths: ClassVar = (8.0, 16.0)
    sets_off: ClassVar = ("MH1 concentration",)
    touches: ClassVar = {
        "MH1 composition": "so few people do not stand for a population",
        "MH1 weights": "of two people a panel, nobody may be of a group",
        "PM2 one reward": "tastes differ from person to person",
    }
    cure: ClassVar = "as many people as the panel has places"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        taste_E = np.random.default_rng([panel[0].seed, len(panel)]).normal(0, 1.0, len(panel)).tolist()
        people = [one.changed(weights=(1.0, taste)) for one, taste in zip(panel, taste_E, strict=True)]
        return people if self.cured else people[: max(2, round(len(people) / self.strength))]
