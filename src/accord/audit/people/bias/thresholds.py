"""Thresholds of MH2."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["PACKAGED", "BiasThresholds"]

PACKAGED = "packaged"


class BiasThresholds(Thresholds):
    """Thresholds of MH2."""

    family: ClassVar[str] = "bias"

    terms: str = Field(
        default=PACKAGED, min_length=1, description="TOML file of words about groups, or the packaged ones"
    )
    worth: float = Field(
        default=0.25, gt=0, description="worth of a word, or a deviation in length, in deviations of quality"
    )
    share: float = Field(default=0.05, gt=0, lt=1, description="share of the answers of biased evaluators")
    swap: float = Field(default=0.1, gt=0, description="reward for a word of one side, in deviations of the reward")
    min_pairs: int = Field(default=100, ge=10, description="decided pairs whose texts differ in a feature")
    min_of_person: int = Field(default=10, ge=4, description="the same of an evaluator, to be judged one by one")
    min_texts: int = Field(default=10, ge=2, description="held-out texts with words to swap")

    def anchored(self, folder: Path) -> Self:
        """The same with the file of terms made absolute; it is meant from the recipe's folder."""
        return self if self.terms == PACKAGED else self.model_copy(update={"terms": str(folder / self.terms)})
