"""Critique: what is to be said about a completion, or about a stretch of it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, parse_index, short_field, text_field
from accord.collect.study.kinds.written import WrittenQuestion
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import place_of_quote
from accord.errors import FormError
from accord.records import Completion, Critique

__all__ = ["CritiqueQuestion"]

QUOTE = "QUOTE:"


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
            raise FormError("end" if start else "start", phrase("critique.half"))
        first, last = parse_index("start", start), parse_index("end", end)
        if not first < last <= len(shown[0].text):
            raise FormError("end", phrase("critique.no_stretch", start=first, end=last))
        return Critique(text=text, start=first, end=last)

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """The text, with a quotation in front where it is about a stretch."""
        return (
            f"what is to be said, from the next line on and nothing after it; where it is about a stretch of the "
            f"answer, write {QUOTE} and the exact words of that stretch in a line before"
        )

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The text; the place of what is quoted before it."""
        first, _, rest = reply.strip().partition("\n")
        if not first.startswith(QUOTE):
            return {"text": reply.strip()}
        start, end = place_of_quote(first.removeprefix(QUOTE).strip(), shown[0].text)
        return {"text": rest.strip(), "start": str(start), "end": str(end)}

    def reply_of(self, judgement: Critique, shown: Sequence[Completion]) -> str:
        """The text, and the stretch."""
        if judgement.start is None:
            return f"\n{judgement.text}"
        return f"\n{QUOTE} {shown[0].text[judgement.start : judgement.end]}\n{judgement.text}"

    def fields_of(self, judgement: Critique) -> dict[str, str]:
        """The text, and the stretch where it is about one."""
        places = {"start": judgement.start, "end": judgement.end}
        return {"text": judgement.text, **{name: str(place) for name, place in places.items() if place is not None}}
