"""Thresholds of DC2, and who says which answers mean the same."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from accord.audit.settings import Thresholds

__all__ = ["DistributionThresholds"]

BUILT_IN = ("text", "number", "entailment")


class DistributionThresholds(Thresholds):
    """Thresholds of DC2: what share of the start's variety must be left."""

    family: ClassVar[str] = "distribution"

    distinct: float = Field(default=0.7, gt=0, lt=1, description="DC2 diversity: ratio of distinct-2, policy to start")
    entropy: float = Field(
        default=0.5, gt=0, lt=1, description="DC2 entropy: ratio of entropies a token, policy to start"
    )
    meanings: float = Field(
        default=0.5, gt=0, lt=1, description="DC2 semantic diversity: ratio of entropies over meanings, policy to start"
    )
    several: float = Field(
        default=1.5, gt=1, description="DC2 semantic diversity: answers in effect that the start must have to lose some"
    )
    meaning: str = Field(
        default="text",
        description="who says that two answers mean the same: their `text`, the `number` at their end, a model of "
        "`entailment`, or FILE.py:NAME",
    )
    entailment_model: str | None = Field(
        default=None,
        description="folder or hub id of the classifier of pairs that `entailment` asks, both ways",
    )
    good_answer: float | None = Field(
        default=None,
        description="the independent judge's score from which an answer is good; unset: the start's mean by prompt",
    )

    @field_validator("meaning")
    @classmethod
    def _known(cls, meaning: str) -> str:
        if meaning in BUILT_IN or (meaning.rpartition(".py:")[1] and meaning.rpartition(".py:")[2].isidentifier()):
            return meaning
        raise ValueError(f"'{meaning}': one of {', '.join(BUILT_IN)}, or a function, such as mine.py:same")

    @model_validator(mode="after")
    def _has_its_model(self) -> Self:
        if (self.meaning == "entailment") != bool(self.entailment_model):
            raise ValueError('meaning = "entailment" and `entailment_model` go together')
        return self

    @property
    def arbiter(self) -> str:
        """Whoever is asked about each two answers: a function or a model, by its name; empty where nobody is."""
        return self.entailment_model or (self.meaning if self.function else "")

    @property
    def function(self) -> tuple[str, str] | None:
        """The file and the name of the function that says what means the same; None where none is named."""
        file, colon, name = self.meaning.rpartition(".py:")
        return (f"{file}.py", name) if colon else None

    def anchored(self, folder: Path) -> Self:
        """The same with the function's file and the model's folder made absolute; they are meant from `folder`."""
        places = {"meaning": self.meaning} if self.function is not None else {}
        if self.entailment_model and (folder / self.entailment_model).is_dir():
            places["entailment_model"] = self.entailment_model
        return self.model_copy(update={name: str(folder / place) for name, place in places.items()})
