"""Evaluators who take the question for its opposite."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from accord.audit.oversight.known import probably_wrong
from accord.collect.sources.simulated import SimulatedEvaluator
from accord.feedback import Dataset
from accord.feedback.statistics.reliability import summarise_evaluators
from accord.lab.faults.base import Fault, register_fault, some_of

__all__ = ["Misread"]


@register_fault
class Misread(Fault):
    """Some evaluators choose and rate the worse text higher, as they took the question for its opposite.

    The strength is their share of a panel. They read with care; only questions whose answer is known tell that they
    hold no other view.
    """

    name: ClassVar = "misread"
    strengths: ClassVar = (0.125, 0.25)
    sets_off: ClassVar = ("OV1 control",)
    touches: ClassVar = {
        "PM2 one reward": "no reward serves people who say opposites",
        "RE1 accuracy": "no score orders the pairs of people who say opposites",
        "RE1 calibration": "no probability is that of people who say opposites",
        "RG1 edits": "opposite answers cancel, so a preference moves the score less",
    }
    cure: ClassVar = "answers of people who are surely wrong in control questions are left out"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return some_of(panel, self.strength, backwards=True)

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset:
        return without_wrong(data) if self.cured else data


def without_wrong(data: Dataset) -> Dataset:
    """Without the training pairs of people of whom control questions say so (`probably_wrong`)."""
    summaries = [one for one in summarise_evaluators(data.feedback["train"]) if one.controls.gold_right is not None]
    count_E = np.array([one.controls.gold for one in summaries], dtype=np.float64)
    wrong_E = count_E * np.array([1 - (one.controls.gold_right or 0.0) for one in summaries])
    wrong = {one.evaluator for one, bad in zip(summaries, probably_wrong(wrong_E, count_E), strict=True) if bad}
    kept = tuple(pair for pair in data.pairs["train"] if pair.evaluator not in wrong)
    return replace(data, pairs={**data.pairs, "train": kept})
