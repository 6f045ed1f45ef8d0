"""What the kinds whose answer is a text share."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from accord.collect.study.kinds.base import Question
from accord.collect.study.phrases import phrase
from accord.records import Completion, Judgement

__all__ = ["WrittenQuestion"]


class WrittenQuestion(Question):
    """A question that is answered by writing; `longest` is how many characters an answer may have."""

    longest: int = Field(default=20_000, ge=1, le=1_000_000)

    fields: ClassVar[tuple[str, ...]] = ("text",)
    countable: ClassVar[bool] = False
    written: ClassVar[bool] = True
    works_on_text: ClassVar[bool] = True

    @property
    def longest_text(self) -> int:
        """`longest`."""
        return self.longest

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """The text; nothing of it is set apart from the rest of the reply but where it begins."""
        return "the text itself, from the next line on and nothing after it"

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The text."""
        return {"text": reply.strip()}

    def reply_of(self, judgement: Any, shown: Sequence[Completion]) -> str:
        """The text."""
        return "\n" + self.fields_of(judgement)["text"]

    def describe(self, judgement: Judgement) -> str:
        """The text."""
        text = judgement.text if isinstance(judgement, self.record) else None
        return super().describe(judgement) if text is None else phrase("written.said", text=text)
