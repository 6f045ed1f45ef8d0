"""Ratings as ordered answers: thresholds of each evaluator, drawn to everybody's (McCullagh 1980)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.learnt import LearntReward
from accord.reward.terms.reading import Reading, read_ratings

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.graded_ratings import GradedRatings

__all__ = ["CumulativeRating"]


class CumulativeRating(LearntReward):
    """Settings of a cumulative logit model of ratings."""

    objective: ClassVar[str] = (
        "cumulative logit: P(evaluator j rates at most k) = F(threshold_jk - r), F(x) = 1 / (1 + exp(-x)), "
        "the thresholds being evaluator j's own"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"rating"})

    kind: Literal["cumulative_rating"] = "cumulative_rating"
    evaluator_std: float = Field(
        default=0.5, gt=0, description="deviation of an evaluator's thresholds about everybody's"
    )

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The ratings."""
        return [GradedRatings.of(data, evaluator_std=self.evaluator_std)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"rating": read_ratings(data, split)}
