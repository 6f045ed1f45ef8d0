"""Thresholds of DQ2, and what answers cost."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["CostThresholds"]


class CostThresholds(Thresholds):
    """Thresholds of DQ2, and what answers cost."""

    family: ClassVar[str] = "cost"

    study: str | None = Field(default=None, description="the study that is judged; unset: one of two pools or more")
    per_answer: dict[str, float] = Field(
        default={}, description="what an answer of each pool costs; unset: its median seconds"
    )
    per_item: float = Field(default=0.0, ge=0, description="what an item costs before anybody answers it")
    below: float = Field(default=0.02, gt=0, lt=0.5, description="accuracy below the best allocation at equal cost")
    max_answers: int = Field(default=5, ge=1, le=15, description="answers an item of the allocations tried, at most")
    min_items: int = Field(default=30, ge=10, description="items that people compared")
    settled: float = Field(default=0.95, gt=0.5, lt=1, description="how sure a label is that needs no further answer")
    redundant: float = Field(default=0.1, gt=0, lt=1, description="share of the spending on labels that were settled")
