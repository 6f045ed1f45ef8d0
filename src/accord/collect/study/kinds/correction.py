"""Correction: the completion as the person would have it."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, text_field
from accord.collect.study.kinds.written import WrittenQuestion
from accord.records import Completion, Correction

__all__ = ["CorrectionQuestion"]


class CorrectionQuestion(WrittenQuestion):
    """The completion as the person would have it; unchanged where nothing is to be corrected."""

    kind: Literal["correction"] = "correction"

    record: ClassVar[type[Correction]] = Correction

    def parse(self, form: Form, shown: Sequence[Completion]) -> Correction:
        """`text` = the whole corrected text."""
        return Correction(text=text_field(form, "text", self.longest))
