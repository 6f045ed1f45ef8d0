"""distinct-n within a text (in the manner of Li et al. 2016, arXiv 1510.03055): the share of n-grams that differ."""

from typing import ClassVar, Literal

from pydantic import Field

from accord.records import Prompt
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.settings import StatedReward

__all__ = ["DistinctMetric", "distinct_share"]


class DistinctMetric(StatedReward):
    """Settings of distinct-n of a text."""

    objective: ClassVar[str] = "the share of a text's word n-grams that differ"

    kind: Literal["distinct"] = "distinct"
    n: int = Field(default=2, ge=1, description="words of an n-gram")

    def judge(self, name: str) -> RuleJudge:
        """The share for each text."""

        def rule(_: Prompt, text: str) -> Outcome:
            return Outcome(distinct_share(text, self.n))

        return RuleJudge(name, rule)


def distinct_share(text: str, n: int) -> float:
    """Different word n-grams over all of them; 1 where a text has fewer than n words, which repeats nothing."""
    words = text.split()
    grams = list(zip(*(words[first:] for first in range(n)), strict=False))
    return len(set(grams)) / len(grams) if grams else 1.0
