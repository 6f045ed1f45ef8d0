"""Rating: a number on a stated scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from accord.collect.study.form_fields import Form, parse_number, short_field
from accord.collect.study.kinds.base import Question
from accord.collect.study.phrases import phrase
from accord.collect.study.reply_text import one_line, without_emphasis
from accord.errors import FormError
from accord.records import Completion, Judgement, Rating, Scale

__all__ = ["Button", "RatingQuestion", "number_text"]

MAX_BUTTONS = 21
MAX_STEPS = 1_000_000
LETTERS = "abcdefghjklmnpqrswy"
"""Keys of buttons whose number is no digit; the other letters are those of the page itself."""


@dataclass(frozen=True)
class Button:
    """A number of the scale as a button. `key` presses it: the number itself where that is a digit.

    `mark` is the key where it must stand on the button, being another than the number; "" where it need not.
    """

    value: str
    key: str
    mark: str


class RatingQuestion(Question):
    """A number on a stated scale."""

    kind: Literal["rating"] = "rating"
    scale: Scale

    record: ClassVar[type[Rating]] = Rating
    fields: ClassVar[tuple[str, ...]] = ("value",)
    of_turns: ClassVar[bool] = True

    @field_validator("scale")
    @classmethod
    def _can_be_answered(cls, scale: Scale) -> Scale:
        low, high, step = scale.low, scale.high, scale.step
        if not math.isfinite(high - low):
            raise ValueError(f"{low:g} to {high:g} is wider than a number can say; bring the ends nearer")
        if step is None:
            return scale
        steps = (high - low) / step
        if not steps <= MAX_STEPS:
            raise ValueError(f"steps of {step:g} are more than {MAX_STEPS:,}; make them wider, or leave step out")
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
            raise ValueError(f"steps of {step:g} from {low:g} do not reach {high:g}; change the step or an end")
        return scale

    def parse(self, form: Form, shown: Sequence[Completion]) -> Rating:
        """`value` = a number on the scale, at one of its steps where it has steps."""
        text = short_field(form, "value")
        value, scale = parse_number("value", text), self.scale
        if not scale.low <= value <= scale.high:
            off = phrase("rating.off_scale", low=scale.low, high=scale.high, text=f"{text:.40}")
            raise FormError("value", off)
        if scale.step is None:
            return Rating(value=value, scale=scale)
        point = self._point(round((value - scale.low) / scale.step))
        if abs(value - point) > 1e-6 * scale.step:
            raise FormError("value", phrase("rating.off_step", step=scale.step, low=scale.low))
        return Rating(value=point, scale=scale)

    def fields_of(self, judgement: Rating) -> dict[str, str]:
        """The number; its scale must have the ends of this question's, whatever is printed there."""
        ends = (judgement.scale.low, judgement.scale.high)
        if ends != (self.scale.low, self.scale.high):
            own = f"{number_text(self.scale.low)}..{number_text(self.scale.high)}"
            raise FormError("value", f"It is on a scale {ends[0]:g}..{ends[1]:g}, and the study's is {own}.")
        return {"value": repr(judgement.value)}

    def reply_rules(self, shown: Sequence[Completion]) -> str:
        """A number of the scale, with what is printed at its ends."""
        scale = self.scale
        low, high = (
            f"{number_text(end)}" + (f" ({label})" if label else "")
            for end, label in ((scale.low, scale.low_label), (scale.high, scale.high_label))
        )
        steps = f", in steps of {number_text(scale.step)}" if scale.step else ""
        return f"a number alone, from {low} to {high}{steps}"

    def reply_form(self, reply: str, shown: Sequence[Completion]) -> dict[str, str]:
        """The number."""
        return {"value": without_emphasis(one_line(reply))}

    def reply_of(self, judgement: Rating, shown: Sequence[Completion]) -> str:
        """The number."""
        self.fields_of(judgement)
        return number_text(judgement.value)

    @property
    def buttons(self) -> list[Button]:
        """The numbers of the scale, one a button; none where it has no steps, or more than `MAX_BUTTONS`."""
        scale = self.scale
        if scale.step is None:
            return []
        count = round((scale.high - scale.low) / scale.step) + 1
        if count > MAX_BUTTONS:
            return []
        letters = iter(LETTERS)
        values = [number_text(self._point(place)) for place in range(count)]
        keys = [value if len(value) == 1 else next(letters, "") for value in values]
        return [Button(value, key, "" if key == value else key) for value, key in zip(values, keys, strict=True)]

    def _point(self, place: int) -> float:
        """The number that stands so many steps from the low end, as it would be written."""
        low, step = Decimal(repr(self.scale.low)), Decimal(repr(self.scale.step))
        return float(low + place * step)

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The number."""
        return number_text(judgement.value) if isinstance(judgement, Rating) else None

    @property
    def possible_words(self) -> tuple[str, ...] | None:
        """The numbers of the buttons, where there are any."""
        return tuple(button.value for button in self.buttons) or None

    def words(self, judgement: Judgement) -> frozenset[str]:
        """The number."""
        return frozenset({number_text(judgement.value)}) if isinstance(judgement, Rating) else super().words(judgement)

    def describe(self, judgement: Judgement) -> str:
        """The number beside the best one."""
        if not isinstance(judgement, Rating):
            return super().describe(judgement)
        return phrase("rating.said", value=judgement.value, high=judgement.scale.high)

    def guideline(self) -> dict[str, Any]:
        """The scale too."""
        return {**super().guideline(), "scale": self.scale.model_dump(mode="json")}


def number_text(value: float) -> str:
    """A number with all its digits and none that mean nothing: `3`, `-2.5`, `1000001`."""
    number = Decimal(repr(value)).normalize() + 0  # no minus before a zero
    return f"{number:f}" if -7 <= number.adjusted() < 17 else str(number)
