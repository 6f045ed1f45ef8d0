"""The length of a text, in words, characters or lines."""

from typing import ClassVar, Literal

from accord.records import Prompt
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.lengths import words
from accord.reward.stated.settings import StatedReward

__all__ = ["LengthMetric"]

Unit = Literal["words", "characters", "lines"]


class LengthMetric(StatedReward):
    """Settings of a length."""

    objective: ClassVar[str] = "how long a text is"

    kind: Literal["length"] = "length"
    unit: Unit = "words"

    def judge(self, name: str) -> RuleJudge:
        """The length of each text; a text without a character has no line."""

        def rule(_: Prompt, text: str) -> Outcome:
            return Outcome(float(_length(text, self.unit)))

        return RuleJudge(name, rule)


def _length(text: str, unit: Unit) -> int:
    match unit:
        case "words":
            return words(text)
        case "characters":
            return len(text)
        case "lines":
            return len(text.splitlines())
