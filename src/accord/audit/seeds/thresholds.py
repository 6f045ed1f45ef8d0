"""Thresholds of RL1 seeds and X7."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["SeedThresholds"]


class SeedThresholds(Thresholds):
    """How much may depend on the seed."""

    family: ClassVar[str] = "seeds"

    variation: float = Field(
        default=0.25, gt=0, description="RL1 seeds: standard deviation of what policies gain, as a share of its mean"
    )
    turned: float = Field(
        default=0.15, gt=0, lt=1, description="X7 undetermined: pairs of texts that two seeds' rewards order otherwise"
    )
