"""Stated confidence as a reward: the Brier score of the probability that a completion gives itself."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.reward.stated.answers import ANSWER_KEYS, Match, inside, is_right
from accord.reward.stated.confidence import brier, stated_confidence, without_confidence
from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward

__all__ = ["BrierReward"]


class BrierReward(ReferencedReward):
    """Settings of a proper score of stated confidence."""

    objective: ClassVar[str] = (
        "accuracy y + 1 - (p - y)^2, y being 1 where the answer is right and else 0, p the confidence that "
        "the text states"
    )

    keys: ClassVar[tuple[str, ...]] = ANSWER_KEYS

    kind: Literal["brier"] = "brier"
    match: Match = Field(default="number", description="how answers are held against the reference, as in `answer`")
    tag: str | None = Field(default=None, pattern="^[A-Za-z_]+$", description="the answer is in the last <tag> alone")
    accuracy: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="what being right is worth besides")
    unstated: float | None = Field(
        default=None, ge=0, le=1, description="the confidence of a text that states none; unset: its score is 0"
    )

    def grader(self) -> Grader:
        """accuracy y + 1 - (p - y)^2."""

        def grade(text: str, reference: Any) -> Outcome:
            answer = inside(text, self.tag)
            right = is_right(None if answer is None else without_confidence(answer), reference, self.match)
            stated = stated_confidence(text)
            p = self.unstated if stated is None else stated
            score = 0.0 if p is None else brier(p, right)
            return Outcome(
                self.accuracy * right + score,
                {"right": float(right), "stated": float(stated is not None), "brier": score},
            )

        return grade
