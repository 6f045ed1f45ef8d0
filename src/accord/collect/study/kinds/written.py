"""What the kinds whose answer is a text share."""

from typing import ClassVar

from pydantic import Field

from accord.collect.study.kinds.base import Question
from accord.records import Judgement

__all__ = ["WrittenQuestion"]


class WrittenQuestion(Question):
    """A question that is answered by writing; `longest` is how many characters an answer may have."""

    longest: int = Field(default=20_000, ge=1, le=1_000_000)

    fields: ClassVar[tuple[str, ...]] = ("text",)
    countable: ClassVar[bool] = False
    written: ClassVar[bool] = True

    @property
    def longest_text(self) -> int:
        """`longest`."""
        return self.longest

    def describe(self, judgement: Judgement) -> str:
        """The text."""
        text = judgement.text if isinstance(judgement, self.record) else None
        return super().describe(judgement) if text is None else f"“{text}”"
