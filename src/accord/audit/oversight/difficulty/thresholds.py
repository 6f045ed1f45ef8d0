"""Thresholds of OV3."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["DifficultyThresholds"]


class DifficultyThresholds(Thresholds):
    """Thresholds of OV3."""

    family: ClassVar[str] = "difficulty"

    hard_accuracy: float = Field(
        default=0.65, gt=0, lt=1, description="accuracy on the hardest items below which it fires"
    )
    easy_accuracy: float = Field(default=0.8, gt=0, lt=1, description="accuracy on the easiest items that it must have")
    bins: int = Field(default=3, ge=2, description="bins of equally many items, by difficulty")
    min_items: int = Field(default=18, ge=6, description="known items that several people answered")
    min_people: int = Field(default=10, ge=6, description="people of the crowd who answered known items")
    gap: float = Field(default=0.1, gt=0, lt=1, description="accuracy of experts above the crowd on the hardest items")
    min_experts: int = Field(default=3, ge=2, description="experts who answered the hardest items")
    experts: str = Field(default="expert", min_length=1, description="pools whose name begins so are experts")
    unlimited: str = Field(default="unlimited", min_length=1, description="the study that set no limit of time")
    misled: float = Field(default=0.05, ge=0, lt=1, description="accuracy that a machine's remarks may cost")
