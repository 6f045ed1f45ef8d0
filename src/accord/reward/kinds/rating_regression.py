"""Regression of ratings: a reward in standard deviations of ratings, each evaluator with a shift and a slope."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.learnt import LearntReward
from accord.reward.terms.reading import Reading, read_ratings

with deferred():
    from accord.reward.terms.acts import Evaluators
    from accord.reward.terms.base import Term
    from accord.reward.terms.ratings import RatingRegression

__all__ = ["RatingRegressionReward"]


class RatingRegressionReward(LearntReward):
    """Settings of a regression of ratings."""

    objective: ClassVar[str] = (
        "normal regression: a rating, in standard deviations of all, is shift_j + slope_j r + normal noise, "
        "shift and slope being evaluator j's own"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"rating"})

    kind: Literal["rating_regression"] = "rating_regression"
    evaluator_std: float = Field(
        default=0.5, gt=0, description="deviation of evaluators' shifts and log slopes about the pool's"
    )

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The ratings."""
        return [RatingRegression(Evaluators(data), evaluator_std=self.evaluator_std)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"rating": read_ratings(data, split)}
