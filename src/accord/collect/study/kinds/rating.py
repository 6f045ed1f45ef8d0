"""Rating: a number on a stated scale."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from accord.collect.study.form_fields import Form, parse_number, short_field
from accord.collect.study.kinds.base import Question
from accord.errors import FormError
from accord.records import Completion, Judgement, Rating, Scale

__all__ = ["RatingQuestion"]

MAX_BUTTONS = 21


class RatingQuestion(Question):
    """A number on a stated scale."""

    kind: Literal["rating"] = "rating"
    scale: Scale

    record: ClassVar[type[Rating]] = Rating
    fields: ClassVar[tuple[str, ...]] = ("value",)
    interval_scale: ClassVar[bool] = True

    def parse(self, form: Form, shown: Sequence[Completion]) -> Rating:
        """`value` = a number on the scale, at one of its steps where it has steps."""
        text = short_field(form, "value")
        value, scale = parse_number("value", text), self.scale
        if not scale.low <= value <= scale.high:
            raise FormError("value", f"Choose a number from {scale.low:g} to {scale.high:g}, not {text:.40}.")
        if scale.step is not None:
            steps = (value - scale.low) / scale.step
            if abs(steps - round(steps)) > 1e-9:
                raise FormError("value", f"The scale goes in steps of {scale.step:g} from {scale.low:g}.")
        return Rating(value=value, scale=scale)

    @property
    def buttons(self) -> list[str]:
        """The numbers of the scale, one a button; none where it has no steps, or more than `MAX_BUTTONS`."""
        scale = self.scale
        if scale.step is None:
            return []
        count = int((scale.high - scale.low) / scale.step + 1e-9) + 1
        return [] if count > MAX_BUTTONS else [f"{scale.low + place * scale.step:g}" for place in range(count)]

    def vote(self, judgement: Judgement, shown: Sequence[str]) -> str | None:
        """The number."""
        return f"{judgement.value:g}" if isinstance(judgement, Rating) else None

    def agree(self, judgement: Judgement, known: Judgement) -> bool | None:
        """The same number on the same scale."""
        return judgement == known if isinstance(judgement, Rating) and isinstance(known, Rating) else None

    def describe(self, judgement: Judgement) -> str:
        """The number beside the best one."""
        if not isinstance(judgement, Rating):
            return super().describe(judgement)
        return f"{judgement.value:g} of {judgement.scale.high:g}"

    def guideline(self) -> dict[str, Any]:
        """The scale too."""
        return {**super().guideline(), "scale": self.scale.model_dump(mode="json")}
