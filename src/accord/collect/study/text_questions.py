"""The kinds of judgement that are written: correction, critique and demonstration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from accord.collect.study.form_fields import Form, place_of, text_of, word
from accord.collect.study.settings import Kind
from accord.errors import FormError
from accord.records import Completion, Correction, Critique, Demonstration

__all__ = ["AskCorrection", "AskCritique", "AskDemonstration"]


@dataclass(frozen=True)
class AskCorrection:
    """The completion as the person would have it; unchanged where nothing is to be corrected."""

    longest: int
    kind: ClassVar[Kind] = "correction"
    fields: ClassVar[tuple[str, ...]] = ("text",)
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "Correct it."

    def read(self, form: Form, shown: Sequence[Completion]) -> Correction:
        """`text` = the whole corrected text."""
        return Correction(text=text_of(form, "text", self.longest))


@dataclass(frozen=True)
class AskCritique:
    """What is to be said about the whole, or about a stretch."""

    longest: int
    kind: ClassVar[Kind] = "critique"
    fields: ClassVar[tuple[str, ...]] = ("text", "start", "end")
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "What is good or bad about it?"

    def read(self, form: Form, shown: Sequence[Completion]) -> Critique:
        """`text`; `start` and `end` = character offsets of the stretch, both empty for the whole."""
        text = text_of(form, "text", self.longest)
        start, end = word(form, "start", needed=False), word(form, "end", needed=False)
        if not start and not end:
            return Critique(text=text)
        if not start or not end:
            raise FormError("start" if not start else "end", "A stretch has a start and an end; select it again.")
        first, last = place_of("start", start), place_of("end", end)
        if not first < last <= len(shown[0].text):
            raise FormError("end", f"{first}..{last} is no stretch of the text; select it again.")
        return Critique(text=text, start=first, end=last)


@dataclass(frozen=True)
class AskDemonstration:
    """What the person would answer to the prompt."""

    longest: int
    kind: ClassVar[Kind] = "demonstration"
    fields: ClassVar[tuple[str, ...]] = ("text",)
    least: ClassVar[int] = 0
    most: ClassVar[int | None] = 0
    hint: ClassVar[str] = "Write the answer that you would want."

    def read(self, form: Form, shown: Sequence[Completion]) -> Demonstration:
        """`text` = the answer."""
        return Demonstration(text=text_of(form, "text", self.longest))
