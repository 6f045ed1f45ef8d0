"""Label: which of the options hold."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from accord.collect.study.form_fields import Form, short_field
from accord.collect.study.kinds.base import Question
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import one_line, without_emphasis
from accord.collect.study.section import Word
from accord.errors import FormError
from accord.records import Completion, Judgement, Label

__all__ = ["LabelQuestion", "Options"]

NONE = phrase("label.none")
MAX_OPTIONS = 200


def _separable(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that can be told apart in a list with commas between them."""
    for name in names:
        if "," in name or name != name.strip():
            raise ValueError(f"{name!r} holds a comma or begins or ends with a space; write it without")
        if not name.isprintable():
            raise ValueError(f"{name!r} holds a character that cannot be seen, such as a line end; write it without")
    if len(set(names)) < len(names):
        raise ValueError("a name stands twice; name each once")
    return names


def _without_none(names: tuple[str, ...]) -> tuple[str, ...]:
    """Labels beside which "none of these" can stand."""
    if NONE in names:
        raise ValueError(f"{NONE!r} is always offered; leave it out")
    return names


Options = Annotated[tuple[Word, ...], Field(min_length=1, max_length=MAX_OPTIONS), AfterValidator(_separable)]


class LabelQuestion(Question):
    """Which of the options hold; none of them is an answer of its own. With `single`, exactly one does."""

    kind: Literal["label"] = "label"
    labels: Annotated[Options, AfterValidator(_without_none)]
    single: bool = False

    record: ClassVar[type[Label]] = Label
    fields: ClassVar[tuple[str, ...]] = ("chosen", "none")
    multiple: ClassVar[frozenset[str]] = frozenset({"chosen"})
    listed_words: ClassVar[tuple[str, ...]] = ("chosen",)
    of_turns: ClassVar[bool] = True

    def parse(self, form: Form, shown: Sequence[Completion]) -> Label:
        """`chosen` = labels joined by commas; `none` = 1 where none holds."""
        text = short_field(form, "chosen", required=False, longest=MAX_OPTIONS * 102)
        names = [name.strip() for name in text.split(",") if name.strip()]
        none = bool(form.get("none"))
        if self.single and (none or len(names) != 1):
            raise FormError("chosen", phrase("label.choose_one", labels=self.labels))
        if none and names:
            raise FormError("none", phrase("label.both", none=NONE))
        if not none and not names:
            raise FormError("chosen", phrase("label.neither", none=NONE))
        if unknown := [name for name in names if name not in self.labels]:
            raise FormError("chosen", phrase("label.unknown", text=f"{unknown[0]!r:.60}"))
        return Label(selected=tuple(label for label in self.labels if label in names), options=self.labels)

    def fields_of(self, judgement: Label) -> dict[str, str]:
        """The labels; the options must be this question's, in whatever order."""
        if set(judgement.options) != set(self.labels):
            theirs, own = ", ".join(judgement.options), ", ".join(self.labels)
            raise FormError("chosen", f"It is of the options {theirs}, and the study's are {own}.")
        if self.single and len(judgement.selected) != 1:
            raise FormError("chosen", f"Exactly one of {', '.join(self.labels)} is chosen here.")
        return {"chosen": ",".join(judgement.selected)} if judgement.selected else {"none": "1"}

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """The labels that hold, in one line."""
        if self.single:
            return f"one of these words: {', '.join(self.labels)}"
        return f"the labels that hold, with commas between them, of: {', '.join(self.labels)}; or with: {NONE}"

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """`wrong, too long`, or `none of these`."""
        line = one_line(reply)
        if without_emphasis(line).lower() == NONE:
            return {"none": "1"}
        names = [name.strip() for name in line.split(",")]
        return {"chosen": ",".join(name if name in self.labels else without_emphasis(name) for name in names)}

    def reply_of(self, judgement: Label, shown: Sequence[Completion]) -> str:
        """The labels."""
        self.fields_of(judgement)
        return ", ".join(judgement.selected) or NONE

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The labels that hold."""
        return self.describe(judgement) if isinstance(judgement, Label) else None

    @property
    def possible_words(self) -> tuple[str, ...]:
        """The labels, and that none of them holds."""
        return (*self.labels, NONE)

    def words(self, judgement: Judgement) -> frozenset[str]:
        """The labels that hold, or that none does."""
        return frozenset(judgement.selected or {NONE}) if isinstance(judgement, Label) else super().words(judgement)

    def describe(self, judgement: Judgement) -> str:
        """The labels that hold."""
        if not isinstance(judgement, Label):
            return super().describe(judgement)
        return ", ".join(judgement.selected) or NONE

    def guideline(self) -> dict[str, Any]:
        """The labels too."""
        one = {"single": True} if self.single else {}
        return {**super().guideline(), "labels": list(self.labels), **one}
