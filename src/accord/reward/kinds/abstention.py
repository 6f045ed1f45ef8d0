"""Abstention as a reward: right 1, "I don't know" 0, wrong -lambda; to answer pays above p = lambda / (1 + lambda)."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.reward.stated.abstention import abstains
from accord.reward.stated.answers import ANSWER_KEYS, Match, inside, is_right
from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward

__all__ = ["AbstentionReward"]


class AbstentionReward(ReferencedReward):
    """Settings of a reward that makes not knowing better than being wrong."""

    objective: ClassVar[str] = "1 for a right answer, 0 for abstaining, `wrong` for a wrong answer"

    keys: ClassVar[tuple[str, ...]] = ANSWER_KEYS

    kind: Literal["abstention"] = "abstention"
    wrong: float = Field(default=-1.0, le=0, allow_inf_nan=False, description="what a wrong answer is worth: -lambda")
    match: Match = Field(default="number", description="how answers are held against the reference, as in `answer`")
    tag: str | None = Field(
        default=None, pattern="^[A-Za-z_]+$", description="read what stands in the last <tag> alone"
    )

    def grader(self) -> Grader:
        """1, 0 or `wrong`. Whether a text abstains is asked first, and not what else it says: no text can be both."""

        def grade(text: str, reference: Any) -> Outcome:
            content = inside(text, self.tag)
            right = is_right(content, reference, self.match)
            abstained = content is not None and abstains(content)
            value = 0.0 if abstained else 1.0 if right else self.wrong
            return Outcome(value, {"right": float(right and not abstained), "abstained": float(abstained)})

        return grade
