"""Metrics that hold a text against what its prompt asks for: the stated answer, tests that its code passes."""

from typing import Literal

from pydantic import Field

from accord.reward.kinds.answer import AnswerReward
from accord.reward.kinds.unit_tests import UnitTestsReward
from accord.reward.stated.answers import Match

__all__ = ["ExactMatchMetric", "TestsMetric"]


class ExactMatchMetric(AnswerReward):
    """Settings of a match with a stated answer: 1 or 0."""

    kind: Literal["exact_match"] = "exact_match"  # type: ignore[assignment]  # the same rule under its usual name
    match: Match = Field(
        default="text", description="by its number; as a `text`, but for case and punctuation; or letter by letter"
    )


class TestsMetric(UnitTestsReward):
    """Settings of tests that a text's code passes, in the sandbox."""

    kind: Literal["tests"] = "tests"  # type: ignore[assignment]  # the same rule under its usual name
    partial: bool = Field(default=False, description="the share of tests that pass; else 1 where all do, and 0")
