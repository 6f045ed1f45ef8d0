"""A policy that paid for its reward with what it had read."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["AlignmentTax"]


@register_fault
class AlignmentTax(Fault):
    """Long training without pretraining texts moved what the policy foretells of plain texts.

    The strength is the standard deviation by which each of its log-odds was moved.
    """

    name: ClassVar = "alignment-tax"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("X6 held-out loss",)
    cure: ClassVar = "pretraining texts beside the rollouts (`pretrain_coef`)"
    gold: ClassVar = "less the nats that the policy needs for a word of the language, its start knowing it"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.plain_texts import TextSettings

        if isinstance(settings, TextSettings):
            return replace(settings, drift=self.strength, mixed=self.cured)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.parts.plain_texts import NOTE

        tables = planting.notes[NOTE]
        return float((np.exp(tables["start"]) * tables["policy"]).sum(1).mean())
