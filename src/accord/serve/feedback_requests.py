"""What a chat client says of an answer that it was given: `POST /v1/feedback`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from accord.collect.desk.chats import ChatJudgement
from accord.collect.study.form_fields import storable
from accord.records import Comparison, Correction, Critique, Label, Rating, Scale
from accord.serve.requests import Checked, invalid

__all__ = ["FeedbackRequest"]

THUMBS = ("up", "down")
MAX_TEXT = 100_000
Written = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Choice = Annotated[int, Field(ge=0, le=127)]


class RatingScale(Checked):
    """The ends of the scale on which a rating was given."""

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)


class FeedbackRequest(Checked):
    """What is said of the answer `id`; of its choices, `choice` is meant but for `preferred`.

    thumb      up or down, or none where it was taken back           rating     a number on a `scale`
    preferred  the better choice of all, or of two tie               edit       the choice as it should be
    comment    what there is to say about the choice
    """

    id: Annotated[str, Field(min_length=1, max_length=100)]
    user: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    choice: Choice = 0
    thumb: Literal["up", "down", "none"] | None = None
    rating: float | None = Field(default=None, allow_inf_nan=False)
    scale: RatingScale | None = None
    preferred: Choice | Literal["tie"] | None = None
    edit: Written | None = None
    comment: Written | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in (self.thumb, self.rating, self.preferred, self.edit, self.comment)):
            raise invalid("thumb", "nothing is said; give a thumb, a rating, what is preferred, an edit or a comment")
        if (self.rating is None) != (self.scale is None):
            raise invalid("scale", "a rating and the scale that it is on belong together: give low and high")
        if self.scale is not None and self.scale.low >= self.scale.high:
            raise invalid("scale", "the low end is not below the high end")
        if self.rating is not None and self.scale is not None and not self.scale.low <= self.rating <= self.scale.high:
            raise invalid("rating", f"{self.rating:g} is not on the scale")
        for field in ("edit", "comment"):
            if not storable(getattr(self, field) or ""):
                raise invalid(field, "holds a character that cannot be kept (NUL, or half a character)")
        return self

    def parts(self, n: int) -> list[ChatJudgement]:
        """The judgements on an answer of `n` choices. The better one of several is compared with each other one; which
        stood where is not known, so they stand in the order of the choices. Raises `ApiError`."""
        one = (self.choice,)
        judgements: list[ChatJudgement] = []
        if self.thumb is not None:
            selected = () if self.thumb == "none" else (self.thumb,)
            judgements.append(ChatJudgement(f"thumb {self.choice}", one, Label(selected=selected, options=THUMBS)))
        if self.rating is not None and self.scale is not None:
            rating = Rating(value=self.rating, scale=Scale(low=self.scale.low, high=self.scale.high))
            judgements.append(ChatJudgement(f"rating {self.choice}", one, rating))
        judgements += self._comparisons(n)
        if self.edit is not None:
            judgements.append(ChatJudgement(f"edit {self.choice}", one, Correction(text=self.edit)))
        if self.comment is not None:
            judgements.append(ChatJudgement(f"comment {self.choice}", one, Critique(text=self.comment)))
        return judgements

    def _comparisons(self, n: int) -> list[ChatJudgement]:
        """The better choice against each other one, numbered: another preference takes the place of all of them."""
        match self.preferred:
            case None:
                return []
            case "tie" if n == 2:
                return [ChatJudgement("preferred 0", (0, 1), Comparison(preferred="tie"))]
            case int() as better if better < n and n > 1:
                others = (choice for choice in range(n) if choice != better)
                return [_comparison(number, better, other) for number, other in enumerate(others)]
            case _:
                raise invalid("preferred", f"the answer has {n} choices, counted from 0; a tie is of two")


def _comparison(number: int, better: int, other: int) -> ChatJudgement:
    left, right = sorted((better, other))
    judgement = Comparison(preferred="left" if left == better else "right")
    return ChatJudgement(f"preferred {number}", (left, right), judgement)
