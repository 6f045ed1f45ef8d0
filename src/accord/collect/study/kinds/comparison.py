"""Comparison: which of two completions is better."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from accord.collect.study.form_fields import Form, parse_number, short_field
from accord.collect.study.kinds.base import Question
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import REPLY, letters, one_line, place_of_letter, without_emphasis
from accord.errors import FormError
from accord.records import Comparison, Completion, Judgement

__all__ = ["TIE", "ComparisonQuestion"]

Side = Literal["left", "right", "tie"]
TIE, DECIDED = "tie", "decided"
SWAPPED: dict[Side, Side] = {"left": "right", "right": "left", "tie": "tie"}


class ComparisonQuestion(Question):
    """Which of two is better, and by how much where `strength` asks for it. A tie has no strength."""

    kind: Literal["comparison"] = "comparison"
    strength: bool = False
    ties: bool = True

    record: ClassVar[type[Comparison]] = Comparison
    fields: ClassVar[tuple[str, ...]] = ("preferred", "strength")
    least: ClassVar[int] = 2
    most: ClassVar[int | None] = 2
    candidates: ClassVar[int] = 2
    scorable: ClassVar[bool] = True
    of_turns: ClassVar[bool] = True
    orders: ClassVar[bool] = True

    def parse(self, form: Form, shown: Sequence[Completion]) -> Comparison:
        """`preferred` = left, right or tie; `strength` = "" or a number from 0 to 1."""
        side = self._side(short_field(form, "preferred"))
        text = short_field(form, "strength", required=False)
        if not text or side == "tie":
            return Comparison(preferred=side)
        if not self.strength:
            raise FormError("strength", phrase("comparison.no_strength"))
        strength = parse_number("strength", text)
        if not 0 <= strength <= 1:
            raise FormError("strength", phrase("comparison.strength_range", text=f"{text!r:.40}"))
        return Comparison(preferred=side, strength=strength)

    def _side(self, text: str) -> Side:
        match text:
            case "left" | "right":
                return text
            case "tie" if self.ties:
                return "tie"
            case _:
                key = "comparison.sides_or_tie" if self.ties else "comparison.sides"
                raise FormError("preferred", phrase(key, text=f"{text!r:.40}"))

    def fields_of(self, judgement: Comparison) -> dict[str, str]:
        """The side, and the strength where there is one."""
        strength = "" if judgement.strength is None else f"{judgement.strength}"
        return {"preferred": judgement.preferred, "strength": strength}

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """The letter of the better one, or `tie`; with the strength behind it."""
        words = "the letter of the better answer alone: A or B" + ("; or the word tie" if self.ties else "")
        return words + ("; behind the letter how much better it is, from 0 to 1, as in: A 0.4" if self.strength else "")

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """`A`, `B` or `tie`; `A 0.4`."""
        side, *strength = without_emphasis(one_line(reply)).split()
        if len(strength) > 1 or (strength and not self.strength):
            raise FormError(REPLY, f"{reply.strip()!r:.40} is more than an answer's letter.")
        if side.lower() == TIE:
            return {"preferred": TIE}
        preferred = ("left", "right")[place_of_letter(side, letters(2))]
        return {"preferred": preferred, "strength": "".join(strength)}

    def reply_of(self, judgement: Comparison, shown: Sequence[Completion]) -> str:
        """The letter, and the strength where there is one."""
        form = self.fields_of(judgement)
        return f"{ {'left': 'A', 'right': 'B', 'tie': TIE}[judgement.preferred] } {form['strength']}".strip()

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The id of the completion that is better, or `TIE`."""
        match judgement:
            case Comparison(preferred="tie"):
                return TIE
            case Comparison(preferred=side):
                return shown[0] if side == "left" else shown[1]
            case _:
                return None

    def reorder(self, judgement: Judgement, written: Sequence[str], shown: Sequence[str]) -> Judgement:
        """The sides are swapped where the order is."""
        if isinstance(judgement, Comparison) and tuple(written) != tuple(shown):
            scores = judgement.scores and judgement.scores[::-1]
            return judgement.model_copy(update={"preferred": SWAPPED[judgement.preferred], "scores": scores})
        return judgement

    def side(self, judgement: Judgement) -> Literal["left", "right"] | None:
        """The side of the better one."""
        match judgement:
            case Comparison(preferred="left" | "right" as side):
                return side
            case _:
                return None

    def is_tie(self, judgement: Judgement) -> bool:
        """Whether neither is better."""
        return isinstance(judgement, Comparison) and self.side(judgement) is None

    @property
    def possible_words(self) -> tuple[str, ...]:
        """`decided` or `tie`."""
        return (DECIDED, TIE)

    def words(self, judgement: Judgement) -> frozenset[str]:
        """`decided` where one is better, or `tie`."""
        if not isinstance(judgement, Comparison):
            return super().words(judgement)
        return frozenset({TIE if judgement.preferred == TIE else DECIDED})

    def describe(self, judgement: Judgement) -> str:
        """Which answer is better, and how much."""
        match judgement:
            case Comparison(preferred="tie"):
                return phrase("comparison.said_equal")
            case Comparison(preferred=side, strength=strength):
                return phrase(f"comparison.said{_how_much(strength)}", n=1 if side == "left" else 2)
            case _:
                return super().describe(judgement)


def _how_much(strength: float | None) -> str:
    if strength is None:
        return ""
    return "_slightly" if strength < 0.4 else "_clearly" if strength < 0.8 else "_much"
