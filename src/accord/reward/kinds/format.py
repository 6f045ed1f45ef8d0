"""Format as a reward: a regular expression that must match, and tags in order."""

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from accord.records import Prompt
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.patterns import Pattern, tags_hold
from accord.reward.stated.settings import StatedReward

__all__ = ["FormatReward"]


class FormatReward(StatedReward):
    """Settings of a reward of form: 1 where all that is asked for holds, else 0.

    Tags for thoughts and answer are those of DeepSeek-AI (2025, arXiv 2501.12948, section 2.2.2).
    """

    objective: ClassVar[str] = "1 where the text has the form that is asked for, else 0"

    kind: Literal["format"] = "format"
    pattern: str | None = Field(default=None, description="a regular expression, without lookaround or back-references")
    where: Literal["whole", "part"] = Field(
        default="whole", description="whether the pattern must match the text as a whole, or a part of it"
    )
    tags: tuple[str, ...] = Field(
        default=(), description='the text is these tags in order, each once: ["think", "answer"]'
    )

    @field_validator("tags")
    @classmethod
    def _names(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(tags)) < len(tags) or not all(tag.isidentifier() for tag in tags):
            raise ValueError(f"{list(tags)} are not names of tags, each once")
        return tags

    @model_validator(mode="after")
    def _something_asked(self) -> Self:
        if self.pattern is None and not self.tags:
            raise ValueError("a reward of form needs a pattern or tags")
        if self.pattern is not None:
            Pattern(self.pattern, self.where)
        return self

    def judge(self, name: str) -> RuleJudge:
        """1 where the text has the form, else 0."""
        pattern = None if self.pattern is None else Pattern(self.pattern, self.where)

        def rule(prompt: Prompt, text: str) -> Outcome:
            holds = (pattern is None or pattern.matches(text)) and (not self.tags or tags_hold(text, self.tags))
            return Outcome(float(holds))

        return RuleJudge(name, rule)
