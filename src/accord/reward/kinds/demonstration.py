"""Rewards learnt from demonstrations: what evaluators would answer, held against what else there is."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.records import JUDGEMENT_KINDS
from accord.reward.learnt import LearntReward

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.demonstrations import Demonstrations

__all__ = ["DemonstrationReward"]


class DemonstrationReward(LearntReward):
    """Settings of a reward learnt from demonstrations."""

    objective: ClassVar[str] = (
        "Luce's choice: P(the demonstration is chosen among its alternatives) = exp(r_0) / sum_i exp(r_i)"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"demonstration"})

    kind: Literal["demonstration"] = "demonstration"
    alternatives: int = Field(
        default=4, ge=0, description="completions of the same prompt that each is held against, at most"
    )
    elsewhere: int = Field(
        default=1, ge=0, description="demonstrations of other prompts that each is held against, as answers to its own"
    )

    @property
    def reads(self) -> frozenset[str]:
        """Every kind: their completions are alternatives."""
        return JUDGEMENT_KINDS

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The demonstrations."""
        return [Demonstrations(elsewhere=self.elsewhere, among=self.alternatives)]
