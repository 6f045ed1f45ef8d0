"""Steps: a verdict on every step of one completion."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, numbered_fields, short_field
from accord.collect.study.kinds.base import Question
from accord.collect.study.line_ends import lines_with_places
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import one_line, without_emphasis
from accord.errors import FormError
from accord.records import Completion, Judgement, Steps

__all__ = ["MAX_STEPS", "StepsQuestion"]

ALL_RIGHT = phrase("steps.said_right")
MAX_STEPS = 400
"""How many steps a page's form can send a verdict on."""


class StepsQuestion(Question):
    """A verdict on every step of one completion: where it says so itself, else on each line that is not blank.

    The page sends a verdict for each step (`step-0`, `step-1`, ...), which become `verdicts`.
    """

    kind: Literal["steps"] = "steps"

    record: ClassVar[type[Steps]] = Steps
    fields: ClassVar[tuple[str, ...]] = ("verdicts",)
    page_fields: ClassVar[tuple[str, ...]] = ("step-0",)
    works_on_text: ClassVar[bool] = True

    def parse(self, form: Form, shown: Sequence[Completion]) -> Steps:
        """`verdicts` = right, wrong or unsure for every step in order, joined by commas."""
        verdicts = [verdict.strip() for verdict in short_field(form, "verdicts").split(",")]
        count = len(self.steps(shown[0]))
        if len(verdicts) != count:
            raise FormError("verdicts", phrase("steps.each", n=count, given=len(verdicts)))
        return Steps(verdicts=tuple(_verdict(verdict) for verdict in verdicts))

    @staticmethod
    def steps(completion: Completion) -> list[str]:
        """The steps of a completion: from each of its `step_starts` to the next, or its lines that are not blank."""
        if completion.step_starts is None:
            return [line for _, line in lines_with_places(completion.text) if line.strip()]
        places = [*completion.step_starts, len(completion.text)]
        return [completion.text[start:end].strip("\r\n") for start, end in pairwise(places)]

    def fields_of(self, judgement: Steps) -> dict[str, str]:
        """The verdicts."""
        return {"verdicts": ",".join(judgement.verdicts)}

    def unanswerable(self, completions: Sequence[Completion]) -> str | None:
        """A text without a step, or with more than a form can send."""
        for completion in completions:
            count = len(self.steps(completion))
            if count == 0:
                return "holds no step: it is blank; take the line out"
            if count > MAX_STEPS:
                return f"has {count} steps, and a page asks for {MAX_STEPS} at most; split it"
        return None

    def answer_form(self, page: Form) -> dict[str, str]:
        """`verdicts` from the verdict on each step."""
        form = super().answer_form(page)
        if verdicts := numbered_fields(page, "step"):
            form["verdicts"] = ",".join(verdicts.get(place, "") for place in range(max(verdicts) + 1))
        return form

    def page_form(self, form: Form) -> dict[str, str]:
        """The verdict on each step from `verdicts`."""
        page = super().page_form(form)
        if verdicts := form.get("verdicts"):
            page |= {f"step-{place}": verdict for place, verdict in enumerate(verdicts.split(","))}
        return page

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """A word for every step, in one line."""
        n = len(self.steps(shown[0]))
        return f"right, wrong or unsure for each of the {n} steps in their order, in one line with commas between them"

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """`right, right, wrong, unsure`."""
        words = without_emphasis(one_line(reply)).split(",")
        return {"verdicts": ",".join(without_emphasis(word).lower() for word in words)}

    def reply_of(self, judgement: Steps, shown: Sequence[Completion]) -> str:
        """The words."""
        return ", ".join(judgement.verdicts)

    def parts(self, completion: Completion) -> list[str]:
        """The steps."""
        return self.steps(completion)

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The first step that is wrong."""
        if not isinstance(judgement, Steps):
            return None
        wrong = judgement.first_wrong
        return ALL_RIGHT if wrong is None else f"step {wrong + 1} is wrong"

    @property
    def possible_words(self) -> tuple[str, ...]:
        """Whether any step is wrong."""
        return (ALL_RIGHT, "a step is wrong")

    def words(self, judgement: Judgement) -> frozenset[str]:
        """Whether any step is wrong."""
        if not isinstance(judgement, Steps):
            return super().words(judgement)
        return frozenset({ALL_RIGHT if judgement.first_wrong is None else "a step is wrong"})

    def describe(self, judgement: Judgement) -> str:
        """The first step that is wrong."""
        if not isinstance(judgement, Steps):
            return super().describe(judgement)
        wrong = judgement.first_wrong
        return ALL_RIGHT if wrong is None else phrase("steps.said_wrong", n=wrong + 1)


def _verdict(text: str) -> Literal["right", "wrong", "unsure"]:
    match text:
        case "right" | "wrong" | "unsure":
            return text
        case _:
            raise FormError("verdicts", phrase("steps.unknown", text=f"{text!r:.40}"))
