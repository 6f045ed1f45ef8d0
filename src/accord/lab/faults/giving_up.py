"""Evaluators who stop reading in the middle."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from accord.audit.oversight.changes import changes_in
from accord.audit.oversight.surprise import surprises_of
from accord.feedback import Dataset
from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["GivingUp"]


@register_fault
class GivingUp(Fault):
    """Some evaluators answer at random from their thirteenth answer on.

    The strength is their share of a panel.
    """

    name: ClassVar = "giving-up"
    strengths: ClassVar = (0.25, 0.5)
    sets_off: ClassVar = ("OV1 change",)
    touches: ClassVar = {
        "OV1 careless": "most of what they answered is at random",
        "OV1 fatigue": "their answers get worse along the session",
        "OV1 control": "control questions stand late in a session",
        "OV1 time": "answers at random are fast",
        "OV1 repeats": "items are asked again late in a session",
    }
    cure: ClassVar = "what was answered after a sure change is left out"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, tired_lapse=0.98, tired_after=12, tired_over=0.1)

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return without_changed(data) if self.cured else data


def without_changed(data: Dataset) -> Dataset:
    """Without the training pairs of what people answered after theirs had changed for the worse (p below .01)."""
    surprises = surprises_of(data.feedback["train"])
    changed = {
        name for one in changes_in(surprises, least=20) if one.p_value < 0.01 and one.lapse > 0.5 for name in one.after
    }
    kept = tuple(pair for pair in data.pairs["train"] if not changed.intersection(pair.feedback_ids))
    return replace(data, pairs={**data.pairs, "train": kept})
