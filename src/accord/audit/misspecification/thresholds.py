"""Thresholds of PM1 and PM2."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["MisspecificationThresholds"]


class MisspecificationThresholds(Thresholds):
    """Thresholds of PM1 and PM2."""

    family: ClassVar[str] = "misspecification"
    renamed: ClassVar[Mapping[str, str]] = {"pairs": "min_pairs", "evaluators": "min_evaluators"}

    min_pairs: int = Field(default=20, ge=4, description="decided pairs an evaluator must have answered to be judged")
    min_evaluators: int = Field(default=10, ge=2, description="evaluators of so many pairs that are needed")
    gain: float = Field(default=0.005, ge=0, description="gain in accuracy from rewards of one's own that fires")
    ruled_out: float = Field(
        default=0.05, gt=0, description="gain in accuracy that no group may possibly have where the check is quiet"
    )
    richer: float = Field(
        default=0.005, ge=0, description="PM1: nats an answer that a reward by context may foretell better"
    )
    prior: float = Field(default=4.0, gt=0, description="precision with which one's own reward is held to everybody's")
