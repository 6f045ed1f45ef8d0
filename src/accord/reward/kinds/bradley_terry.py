"""Bradley-Terry reward models: what people prefer, learnt from pairs (Bradley & Terry 1952; Christiano et al. 2017)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.feedback import PAIR_KINDS, Dataset
from accord.reward.learnt import LearntReward
from accord.reward.terms.answering import Answering
from accord.reward.terms.reading import Reading, read_pairs

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.comparisons import Comparisons

__all__ = ["AnswerSettings", "BradleyTerry"]


class AnswerSettings(LearntReward):
    """Settings of how people choose between two, which all that learn from comparisons share."""

    lapse: float | Literal["fitted"] = Field(
        default=0.0, description="share of answers at random, at least 0 and below 1, or fitted"
    )
    flip_rate: float = Field(default=0.0, ge=0, lt=0.5, description="share of answers whose sides are exchanged")

    @property
    def answering(self) -> Answering:
        """How two scores become an answer."""
        return Answering(lapse=self.lapse, flip_rate=self.flip_rate)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.lapse != "fitted" and not 0 <= self.lapse < 1:
            raise ValueError(f"lapse = {self.lapse} is no share; it is at least 0 and below 1, or 'fitted'")
        if self.answering.problem:
            raise ValueError(self.answering.problem)
        return self


class BradleyTerry(AnswerSettings):
    """Settings of a Bradley-Terry reward model."""

    objective: ClassVar[str] = (
        "Bradley-Terry: P(a is preferred to b) = F(r_a - r_b), F(x) = 1 / (1 + exp(-x)); the loss is the mean "
        "of -log P over comparisons"
    )

    learns_from: ClassVar[frozenset[str]] = PAIR_KINDS

    kind: Literal["bradley_terry"] = "bradley_terry"
    ties: Literal["half", "davidson", "rao_kupper"] = Field(
        default="half", description="half a win each, or an outcome with a parameter of its own"
    )
    strength: Literal["ignored", "margin", "ordinal"] = Field(
        default="ignored", description="by how much it is better: not read, a least margin, or an ordinal answer"
    )
    margin_scale: float = Field(default=1.0, gt=0, description="log-odds that a margin of the greatest strength has")

    @property
    def answering(self) -> Answering:
        """How two scores become an answer."""
        return Answering(
            ties=self.ties,
            strength=self.strength,
            margin_scale=self.margin_scale,
            lapse=self.lapse,
            flip_rate=self.flip_rate,
        )

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The pairs."""
        return [Comparisons.of(data, self.answering)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"comparison": read_pairs(data, split)}
