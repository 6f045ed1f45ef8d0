"""Demonstrations that a model wrote."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["MachineWritten"]


@register_fault
class MachineWritten(Fault):
    """Some people have a model write what they were asked to write.

    The strength is their share.
    """

    name: ClassVar = "machine-written"
    strengths: ClassVar = (0.35, 0.5)
    sets_off: ClassVar = ("X5 machine-written", "X5 untyped")
    cure: ClassVar = "a page that counts keys for everybody, of which only what was typed is kept"
    gold: ClassVar = (
        "less the squared distance of the kept texts' shares of words from those of people's, in thousandths"
    )

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.written_answers import WrittenAnswers

        if isinstance(settings, WrittenAnswers):
            return replace(settings, machine=self.strength, verified=self.cured)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        """By the unbiased estimate: what counting so few words adds to a squared distance is taken off."""
        from accord.lab.planted.gold import word_counts
        from accord.lab.planted.parts.written_answers import STUDY

        count_V = word_counts(planting.notes[STUDY]).sum(axis=0)
        share_V = count_V / count_V.sum()
        by_chance = float((share_V * (1 - share_V)).sum()) / (count_V.sum() - 1)
        distance = float(np.square(share_V - 1 / share_V.size).sum()) - by_chance
        return float(-1000 * distance)
