"""Rewards learnt from corrections: what evaluators made of completions is better than these were."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.learnt import LearntReward

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.corrections import Corrections

__all__ = ["CorrectionReward"]


class CorrectionReward(LearntReward):
    """Settings of a reward learnt from corrections."""

    objective: ClassVar[str] = (
        "Bradley-Terry: P(a correction is better than its original) = F(r_corrected - r_original), F(x) = 1 / "
        "(1 + exp(-x))"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"correction"})

    kind: Literal["correction"] = "correction"

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The corrections."""
        return [Corrections()]
