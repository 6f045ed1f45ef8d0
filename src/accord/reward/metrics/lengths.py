"""The length of a text, in words, characters or lines."""

from collections.abc import Callable
from typing import ClassVar, Literal

from accord.records import Prompt
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.lengths import words
from accord.reward.stated.settings import StatedReward

__all__ = ["LengthMetric"]


class LengthMetric(StatedReward):
    """Settings of a length."""

    objective: ClassVar[str] = "how long a text is"

    kind: Literal["length"] = "length"
    unit: Literal["words", "characters", "lines"] = "words"

    def judge(self, name: str) -> RuleJudge:
        """The length of each text; a text without a character has no line."""
        counts: dict[str, Callable[[str], int]] = {"words": words, "characters": len, "lines": _lines}
        count = counts[self.unit]

        def rule(_: Prompt, text: str) -> Outcome:
            return Outcome(float(count(text)))

        return RuleJudge(name, rule)


def _lines(text: str) -> int:
    return len(text.splitlines())
