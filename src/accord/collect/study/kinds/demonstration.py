"""Demonstration: what the person would answer to the prompt."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, text_field
from accord.collect.study.kinds.written import WrittenQuestion
from accord.records import Completion, Demonstration

__all__ = ["DemonstrationQuestion"]


class DemonstrationQuestion(WrittenQuestion):
    """What the person would answer to the prompt."""

    kind: Literal["demonstration"] = "demonstration"

    record: ClassVar[type[Demonstration]] = Demonstration
    least: ClassVar[int] = 0
    most: ClassVar[int | None] = 0
    candidates: ClassVar[int] = 0

    def parse(self, form: Form, shown: Sequence[Completion]) -> Demonstration:
        """`text` = the answer."""
        return Demonstration(text=text_field(form, "text", self.longest))

    def fields_of(self, judgement: Demonstration) -> dict[str, str]:
        """The text."""
        return {"text": judgement.text}
