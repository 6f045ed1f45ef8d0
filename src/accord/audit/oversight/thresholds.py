"""Thresholds of OV1 and OV2."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["OversightThresholds"]


class OversightThresholds(Thresholds):
    """Thresholds of OV1 and OV2."""

    family: ClassVar[str] = "oversight"
    renamed: ClassVar[Mapping[str, str]] = {"opinions": "min_opinions", "words_a_second": "words_per_second"}

    share: float = Field(default=0.05, gt=0, lt=1, description="share of all answers held by flagged evaluators")
    lapse: float = Field(default=0.5, gt=0, lt=1, description="an evaluator's estimated share of random answers")
    min_opinions: int = Field(default=20, ge=1, description="opinions an evaluator must have given to be judged")
    words_per_second: float = Field(default=10.0, gt=0, description="nobody reads faster than this")
    fatigue: float = Field(
        default=0.05, gt=0, lt=1, description="trend along a session, of the way to answers at random"
    )
    position: float = Field(default=0.1, gt=0, lt=0.5, description="preference for the left place")
    error: float = Field(default=0.05, gt=0, lt=1, description="share of control questions answered wrongly")
    flips: float = Field(default=0.05, gt=0, lt=1, description="answers changed beyond those that noise changes")
    partly_shown: float = Field(default=0.1, gt=0, lt=1, description="share of answers given to a part of the item")
