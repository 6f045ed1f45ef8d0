"""Bradley-Terry reward models: what people prefer, learnt from pairs (Bradley & Terry 1952; Christiano et al. 2017)."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.feedback import PAIR_KINDS, Dataset
from accord.reward.learnt import LearntReward
from accord.reward.terms.base import Term
from accord.reward.terms.comparisons import Comparisons

__all__ = ["BradleyTerry"]


class BradleyTerry(LearntReward):
    """Settings of a Bradley-Terry reward model."""

    learns_from: ClassVar[frozenset[str]] = PAIR_KINDS

    kind: Literal["bradley_terry"] = "bradley_terry"

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The pairs."""
        return [Comparisons()]
