"""Unit tests as a reward: the share of them that the code of a completion passes, in the sandbox."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward
from accord.sandbox.sandbox import Limits, Sandbox
from accord.verdicts.unit_tests import PROGRAM, UnitTests

__all__ = ["UnitTestsReward"]


class UnitTestsReward(ReferencedReward):
    """Settings of a reward for code that passes its tests."""

    objective: ClassVar[str] = (
        "the share of its reference's tests that the text's code passes, or, where not `partial`, 1 where all "
        "pass and else 0"
    )

    keys: ClassVar[tuple[str, ...]] = ("tests",)

    kind: Literal["unit_tests"] = "unit_tests"
    partial: bool = Field(default=True, description="the share of tests that pass; else 1 where all do, and 0")
    seconds: float = Field(default=10.0, gt=0, le=600, description="by the clock, for each test")

    def grader(self) -> Grader:
        """The share of a reference's `tests` that a text's code passes; one sandbox serves all."""
        limits = Limits(seconds=self.seconds, cpu_seconds=max(1, round(self.seconds)))
        marker = UnitTests(Sandbox(PROGRAM, "run", "unit_tests", limits))

        def grade(text: str, reference: Any) -> Outcome:
            score = marker.mark(text, reference).score
            return Outcome(score if self.partial else float(score == 1))

        return grade
