"""Rewards learnt from critiques: what is said in words, taken for praise or blame by readers."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator

from accord.deferred import deferred
from accord.errors import ExtensionError, nearest
from accord.extensions import load_extensions
from accord.feedback import Dataset
from accord.reward.learnt import LearntReward
from accord.reward.sentiment import SentimentReader, lexicon

with deferred():
    from accord.reward.terms.base import Term
    from accord.reward.terms.critiques import Critiques

__all__ = ["CritiqueReward", "CritiqueSettings"]


class CritiqueSettings(LearntReward):
    """Settings of who reads critiques, which all that learn from them share."""

    readers: tuple[str, ...] = Field(
        default=("lexicon",),
        min_length=1,
        description="who takes sentences for praise or blame: lexicon, or a function, my_reader.py:read",
    )

    @field_validator("readers")
    @classmethod
    def _known(cls, readers: tuple[str, ...]) -> tuple[str, ...]:
        for each in readers:
            if each != "lexicon" and not re.fullmatch(r".+\.py:[^\W\d]\w*", each):
                raise ValueError(f"'{each}' is no reader; write lexicon, or a file and a function, my_reader.py:read")
        return readers

    def anchored(self, folder: Path) -> Self:
        """The same with the files of readers made absolute."""
        readers = tuple(each if each == "lexicon" else str(folder / each) for each in self.readers)
        return super().anchored(folder).model_copy(update={"readers": readers})

    def problems(self) -> list[str]:
        """That a reader is not there, or that settings contradict each other."""
        problems = super().problems()
        try:
            self.open_readers()
        except ExtensionError as error:
            problems.append(f"readers: {error}")
        return problems

    def open_readers(self) -> list[SentimentReader]:
        """The readers. Raises `ExtensionError` where a file has none, or no such one."""
        return [_reader(each) for each in self.readers]


class CritiqueReward(CritiqueSettings):
    """Settings of a reward learnt from critiques."""

    objective: ClassVar[str] = (
        "logistic: P(a critique is praise) = F(intercept + r), F(x) = 1 / (1 + exp(-x)), each critique "
        "counting by how far its readers agree"
    )

    learns_from: ClassVar[frozenset[str]] = frozenset({"critique"})

    kind: Literal["critique"] = "critique"

    def terms(self, data: Dataset) -> Sequence[Term]:
        """The critiques."""
        return [Critiques(self.open_readers())]


def _reader(name: str) -> SentimentReader:
    if name == "lexicon":
        return lexicon
    file, _, function = name.rpartition(":")
    (extension,) = load_extensions([Path(file)], Path())
    found = getattr(extension.module, function, None)
    if not callable(found):
        known = [each for each, value in vars(extension.module).items() if callable(value)]
        raise ExtensionError(f"{file}: no function '{function}'{nearest(function, known)}")
    return found  # type: ignore[no-any-return]
