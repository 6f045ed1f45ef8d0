"""Critique: what is to be said about a completion, or about a stretch of it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, parse_index, short_field, text_field
from accord.collect.study.kinds.written import WrittenQuestion
from accord.errors import FormError
from accord.records import Completion, Critique

__all__ = ["CritiqueQuestion"]


class CritiqueQuestion(WrittenQuestion):
    """What is to be said about the whole, or about a stretch."""

    kind: Literal["critique"] = "critique"

    record: ClassVar[type[Critique]] = Critique
    fields: ClassVar[tuple[str, ...]] = ("text", "start", "end")

    def parse(self, form: Form, shown: Sequence[Completion]) -> Critique:
        """`text`; `start` and `end` = character offsets of the stretch, both empty for the whole."""
        text = text_field(form, "text", self.longest)
        start, end = short_field(form, "start", required=False), short_field(form, "end", required=False)
        if not start and not end:
            return Critique(text=text)
        if not start or not end:
            raise FormError("end" if start else "start", "A stretch has a start and an end; select it again.")
        first, last = parse_index("start", start), parse_index("end", end)
        if not first < last <= len(shown[0].text):
            raise FormError("end", f"{first}..{last} is no stretch of the text; select it again.")
        return Critique(text=text, start=first, end=last)

    def fields_of(self, judgement: Critique) -> dict[str, str]:
        """The text, and the stretch where it is about one."""
        places = {"start": judgement.start, "end": judgement.end}
        return {"text": judgement.text, **{name: str(place) for name, place in places.items() if place is not None}}
