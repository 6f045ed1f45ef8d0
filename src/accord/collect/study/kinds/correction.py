"""Correction: the completion as the person would have it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, storable, text_field
from accord.collect.study.kinds.written import WrittenQuestion
from accord.collect.study.line_ends import with_ends_of, with_plain_ends
from accord.collect.study.phrases import phrase
from accord.errors import FormError
from accord.records import Completion, Correction

__all__ = ["CorrectionQuestion", "corrected_to", "edited_text"]

UNCHANGED = "UNCHANGED"


class CorrectionQuestion(WrittenQuestion):
    """The completion as the person would have it; where nothing is to be corrected, they say so (`unchanged`)."""

    kind: Literal["correction"] = "correction"

    record: ClassVar[type[Correction]] = Correction
    fields: ClassVar[tuple[str, ...]] = ("text", "unchanged")

    def parse(self, form: Form, shown: Sequence[Completion]) -> Correction:
        """`text` = the whole corrected text; its line ends become those of the completion. Without a change of it,
        `unchanged` = 1."""
        text = with_ends_of(text_field(form, "text", self.longest), shown[0].text)
        if text == shown[0].text and not form.get("unchanged"):
            raise FormError("unchanged", phrase("correction.untouched"))
        return Correction(text=text)

    def fields_of(self, judgement: Correction) -> dict[str, str]:
        """The text, and that it may be unchanged."""
        return {"text": judgement.text, "unchanged": "1"}

    def is_blank(self, form: Form, shown: Sequence[Completion]) -> bool:
        """The text as it was, and not said that it may stay so."""
        untouched = form.get("text", "").strip() in {"", with_plain_ends(shown[0].text).strip()}
        return untouched and not form.get("unchanged") and not form.get("declined")

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """The whole text, or a word where nothing is to be corrected."""
        return (
            f"the whole corrected text, from the next line on and nothing after it; or with the word {UNCHANGED} alone "
            f"where nothing is to be corrected"
        )

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The text. Blanks around it are those of the completion where nothing else was changed."""
        text, original = reply.strip(), shown[0].text
        if text == UNCHANGED:
            return {"text": original, "unchanged": "1"}
        return {"text": original if text == original.strip() else text}

    def reply_of(self, judgement: Correction, shown: Sequence[Completion]) -> str:
        """The text, or that nothing is to be corrected."""
        return UNCHANGED if judgement.text == shown[0].text else f"\n{judgement.text}"

    def unanswerable(self, completions: Sequence[Completion]) -> str | None:
        """A text that is longer than its correction may be, or that no form sends back as it is."""
        for completion in completions:
            length = len(with_plain_ends(completion.text))
            if length > self.longest:
                return f"has {length:,} characters, and a correction at most {self.longest:,}; raise questions.longest"
            if not storable(completion.text):
                return "holds a character that no form sends back (NUL, or half a character); take it out"
        return None


def edited_text(form: Form, field: str, completion: Completion, longest: int) -> str | None:
    """A completion as somebody put it right beside another judgement; None where they left it as it was.

    Raises `FormError` where it is longer than `longest` and than the completion.
    """
    if not form.get(field, "").strip():
        return None
    written = text_field(form, field, max(longest, len(completion.text)))
    text = with_ends_of(written, completion.text)
    return None if text == completion.text else text


def corrected_to(text: str) -> Correction:
    """The judgement that a completion should read so."""
    return Correction(text=text)
