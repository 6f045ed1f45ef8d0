"""Plackett-Luce reward models: rankings, whole (Plackett 1975; Luce 1959; ties of Firth, Kosmidis & Turner 2019)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.learnt import LearntReward
from accord.reward.terms.reading import Reading, read_rankings

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.rankings import Rankings

__all__ = ["PlackettLuce"]


class PlackettLuce(LearntReward):
    """Settings of a reward model of rankings, and of comparisons as rankings of two."""

    objective: ClassVar[str] = (
        "Plackett-Luce with tiers: of what is left a set S is best with probability proportional to delta_|S| "
        "exp(mean of r over S); the loss is the mean of -log P over rankings, a comparison being one of two"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"ranking", "comparison"})

    kind: Literal["plackett_luce"] = "plackett_luce"

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The rankings."""
        return [Rankings.of(data, comparisons=True)]

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What its term reads."""
        return {"ranking": read_rankings(data, split, comparisons=True)}
