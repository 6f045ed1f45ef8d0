"""Verifiable answers: 1 where the answer is the stated one, else 0."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.reward.stated.answers import ANSWER_KEYS, Match, inside, is_right
from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward

__all__ = ["AnswerReward"]


class AnswerReward(ReferencedReward):
    """Settings of a reward for right answers (reinforcement learning with verifiable rewards)."""

    objective: ClassVar[str] = "1 where the answer is the stated one, else 0"

    keys: ClassVar[tuple[str, ...]] = ANSWER_KEYS

    kind: Literal["answer"] = "answer"
    match: Match = Field(
        default="number", description="by its number; as a `text`, but for case and punctuation; or letter by letter"
    )
    tag: str | None = Field(
        default=None, pattern="^[A-Za-z_]+$", description="grade what stands in the last <tag> alone"
    )

    def grader(self) -> Grader:
        """1 where a text gives one of the stated answers, else 0; a text without the tag gives none."""

        def grade(text: str, reference: Any) -> Outcome:
            return Outcome(float(is_right(inside(text, self.tag), reference, self.match)))

        return grade
