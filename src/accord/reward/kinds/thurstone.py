"""Thurstone's reward models: what people prefer, with normal noise (Thurstone 1927, case V)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.feedback import PAIR_KINDS, Dataset
from accord.reward.kinds.bradley_terry import AnswerSettings
from accord.reward.terms.answering import Answering
from accord.reward.terms.reading import Reading, read_pairs

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.comparisons import Comparisons

__all__ = ["Thurstone"]


class Thurstone(AnswerSettings):
    """Settings of a reward model after Thurstone."""

    objective: ClassVar[str] = (
        "Thurstone, case V: P(a is preferred to b) = N(r_a - r_b), N the normal distribution function; the "
        "loss is the mean of -log P over comparisons"
    )

    learns_from: ClassVar[frozenset[str]] = PAIR_KINDS

    kind: Literal["thurstone"] = "thurstone"
    ties: Literal["half", "threshold"] = Field(
        default="half", description="half a win each, or an outcome with a threshold (Glenn & David 1960)"
    )

    @property
    def answering(self) -> Answering:
        """How two scores become an answer."""
        ties: Literal["half", "rao_kupper"] = "rao_kupper" if self.ties == "threshold" else "half"
        return Answering(noise="normal", ties=ties, lapse=self.lapse, flip_rate=self.flip_rate)

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The pairs."""
        return [Comparisons.of(data, self.answering)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"comparison": read_pairs(data, split)}
