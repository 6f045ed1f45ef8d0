"""Each kind of judgement with its question, the fields of its form, and how they are read.

One class a kind ties together how many completions it is about, what the page asks where the study says no more, the
names of the form's fields and the record that they become. `question_of` matches every kind, so that the type checker
names what a new one lacks. All fields of a form are strings; whatever cannot be read is a `FormError` that names the
field and says what to do, never a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, assert_never

from pydantic import ValidationError

from accord.collect.study.form_fields import Form, clean, json_list, number_of, place_of, text_of, word
from accord.collect.study.settings import Kind, Study
from accord.collect.study.text_questions import AskCorrection, AskCritique, AskDemonstration
from accord.errors import FormError
from accord.records import (
    Comparison,
    Completion,
    Declined,
    Judgement,
    Label,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    Steps,
    explain,
)

__all__ = ["MOST_REASON", "Question", "question_of", "read_form", "steps_of"]

MOST_REASON = 2_000
MOST_SPANS = 200


class Question(Protocol):
    """A kind of judgement as a question.

    `fields` are the names in its form; `least` and `most` how many completions it is about (None: any number).
    """

    kind: ClassVar[Kind]
    fields: ClassVar[tuple[str, ...]]
    least: ClassVar[int]
    most: ClassVar[int | None]
    hint: ClassVar[str]

    def read(self, form: Form, shown: Sequence[Completion]) -> Judgement:
        """The judgement that a form states about the completions in the order shown. Raises `FormError`."""
        ...


def question_of(study: Study) -> Question:
    """The question that a study asks."""
    match study.kind:
        case "comparison":
            return AskComparison(study.ties, study.strength)
        case "ranking":
            return AskRanking(study.ties)
        case "rating":
            assert study.scale is not None
            return AskRating(study.scale)
        case "label":
            return AskLabel(study.labels)
        case "spans":
            return AskSpans(study.span_types)
        case "steps":
            return AskSteps()
        case "correction":
            return AskCorrection(study.longest)
        case "critique":
            return AskCritique(study.longest)
        case "demonstration":
            return AskDemonstration(study.longest)
        case _:
            assert_never(study.kind)


def read_form(study: Study, form: Form, shown: Sequence[Completion]) -> Judgement:
    """What a form says: the judgement that the study asks for, or that the person declines it. Raises `FormError`."""
    if form.get("declined"):
        return Declined(reason=text_of(form, "reason", MOST_REASON, needed=False) or None)
    return question_of(study).read(form, shown)


@dataclass(frozen=True)
class AskComparison:
    """Which of two is better, and by how much where the study asks for it. A tie has no strength."""

    ties: bool
    strength: bool
    kind: ClassVar[Kind] = "comparison"
    fields: ClassVar[tuple[str, ...]] = ("preferred", "strength")
    least: ClassVar[int] = 2
    most: ClassVar[int | None] = 2
    hint: ClassVar[str] = "Which is better?"

    def read(self, form: Form, shown: Sequence[Completion]) -> Comparison:
        """`preferred` = left, right or tie; `strength` = "" or a number from 0 to 1."""
        side: Literal["left", "right", "tie"]
        match word(form, "preferred"):
            case "left":
                side = "left"
            case "right":
                side = "right"
            case "tie" if self.ties:
                side = "tie"
            case other:
                allowed = "left, right or tie" if self.ties else "left or right"
                raise FormError("preferred", f"Choose {allowed}; {other!r:.40} is none of them.")
        given = word(form, "strength", needed=False)
        if not given or side == "tie":
            return Comparison(preferred=side)
        if not self.strength:
            raise FormError("strength", "This study does not ask how much better; leave it out.")
        strength = number_of("strength", given)
        if not 0 <= strength <= 1:
            raise FormError("strength", f"The strength is a number from 0 to 1, not {given!r:.40}.")
        return Comparison(preferred=side, strength=strength)


@dataclass(frozen=True)
class AskRanking:
    """The order of two or more, best first."""

    ties: bool
    kind: ClassVar[Kind] = "ranking"
    fields: ClassVar[tuple[str, ...]] = ("tiers",)
    least: ClassVar[int] = 2
    most: ClassVar[int | None] = None
    hint: ClassVar[str] = "Put them in order, best first."

    def read(self, form: Form, shown: Sequence[Completion]) -> Ranking:
        """`tiers` = places from 0, joined by `,` within a tier and by `|` between tiers, best first: `2,0|1,3`."""
        given = word(form, "tiers")
        tiers = tuple(tuple(place_of("tiers", each) for each in tier.split(",")) for tier in given.split("|"))
        if sorted(place for tier in tiers for place in tier) != list(range(len(shown))):
            raise FormError("tiers", f"Rank each of the {len(shown)} answers once.")
        if not self.ties and any(len(tier) > 1 for tier in tiers):
            raise FormError("tiers", "This study allows no ties; give every answer a rank of its own.")
        return Ranking(tiers=tiers)


@dataclass(frozen=True)
class AskRating:
    """A number on a stated scale."""

    scale: Scale
    kind: ClassVar[Kind] = "rating"
    fields: ClassVar[tuple[str, ...]] = ("value",)
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "How good is it?"

    def read(self, form: Form, shown: Sequence[Completion]) -> Rating:
        """`value` = a number on the scale, at one of its steps where it has steps."""
        given = word(form, "value")
        value, scale = number_of("value", given), self.scale
        if not scale.low <= value <= scale.high:
            raise FormError("value", f"Choose a number from {scale.low:g} to {scale.high:g}, not {given:.40}.")
        if scale.step is not None:
            steps = (value - scale.low) / scale.step
            if abs(steps - round(steps)) > 1e-9:
                raise FormError("value", f"The scale goes in steps of {scale.step:g} from {scale.low:g}.")
        return Rating(value=value, scale=scale)


@dataclass(frozen=True)
class AskLabel:
    """Which of the offered labels hold; none of them is an answer of its own."""

    labels: tuple[str, ...]
    kind: ClassVar[Kind] = "label"
    fields: ClassVar[tuple[str, ...]] = ("chosen", "none")
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "Which of these hold?"

    def read(self, form: Form, shown: Sequence[Completion]) -> Label:
        """`chosen` = labels joined by commas; `none` = 1 where none holds."""
        names = [each.strip() for each in word(form, "chosen", needed=False).split(",") if each.strip()]
        none = bool(form.get("none"))
        if none and names:
            raise FormError("none", "You chose labels and 'none of these'; keep one or the other.")
        if not none and not names:
            raise FormError("chosen", "Choose the labels that hold, or 'none of these'.")
        if strange := [each for each in names if each not in self.labels]:
            raise FormError("chosen", f"{strange[0]!r:.60} was not offered.")
        return Label(selected=tuple(each for each in self.labels if each in names), options=self.labels)


@dataclass(frozen=True)
class AskSpans:
    """Stretches of one completion, each with a type; none at all is an answer."""

    types: tuple[str, ...]
    kind: ClassVar[Kind] = "spans"
    fields: ClassVar[tuple[str, ...]] = ("spans",)
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "Mark what is the matter."

    def read(self, form: Form, shown: Sequence[Completion]) -> Spans:
        """`spans` = a JSON list of {start, end, type, note}; offsets count Unicode characters of the raw text."""
        marked = json_list("spans", word(form, "spans", longest=MOST_SPANS * 2_500))
        if len(marked) > MOST_SPANS:
            raise FormError("spans", f"{len(marked)} marks are too many; mark at most {MOST_SPANS}.")
        return Spans(spans=tuple(self._span(each, len(shown[0].text)) for each in marked))

    def _span(self, marked: Any, length: int) -> Span:
        try:
            span = Span.model_validate(marked)
        except ValidationError as error:
            field, problem = explain(error)
            raise FormError(
                "spans", f"A mark could not be read ({field} {problem}); remove it and mark again."
            ) from error
        if span.type not in self.types:
            raise FormError(
                "spans", f"{span.type!r:.60} is no type of mark here; choose one of {', '.join(self.types)}."
            )
        if span.end > length:
            raise FormError("spans", f"A mark ends at {span.end}, but the text has {length} characters; mark again.")
        if span.note is None:
            return span
        note = clean("spans", span.note, MOST_REASON)
        return span.model_copy(update={"note": note or None})


@dataclass(frozen=True)
class AskSteps:
    """A verdict on every step of one completion; its steps are the lines that are not blank."""

    kind: ClassVar[Kind] = "steps"
    fields: ClassVar[tuple[str, ...]] = ("verdicts",)
    least: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    hint: ClassVar[str] = "Is each step right?"

    def read(self, form: Form, shown: Sequence[Completion]) -> Steps:
        """`verdicts` = right, wrong or unsure for every step in order, joined by commas."""
        given = [each.strip() for each in word(form, "verdicts", longest=200_000).split(",")]
        if len(given) != (wanted := len(steps_of(shown[0].text))):
            raise FormError("verdicts", f"Give a verdict on each of the {wanted} steps; there are {len(given)}.")
        return Steps(verdicts=tuple(self._verdict(each) for each in given))

    @staticmethod
    def _verdict(given: str) -> Literal["right", "wrong", "unsure"]:
        match given:
            case "right" | "wrong" | "unsure":
                return given
            case _:
                raise FormError("verdicts", f"A verdict is right, wrong or unsure, not {given!r:.40}.")


def steps_of(text: str) -> list[str]:
    """The steps of a completion: its lines that are not blank."""
    return [line for line in text.splitlines() if line.strip()]
