"""Thresholds of DQ1."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["CoverageThresholds"]


class CoverageThresholds(Thresholds):
    """Thresholds of DQ1."""

    family: ClassVar[str] = "coverage"

    uncovered: float = Field(
        default=0.10, gt=0, lt=1, description="DQ1 coverage: share of deployment prompts that are far from all feedback"
    )
    quantile: float = Field(
        default=0.95, gt=0.5, lt=1, description="DQ1 coverage: of the distances among feedback prompts; beyond is far"
    )
    max_prompts: int = Field(
        default=3000, ge=100, description="DQ1: prompts of each side that are compared, drawn at random where more"
    )
    gap: float = Field(
        default=0.05, gt=0, description="DQ1 topics: accuracy by which the worst topic falls behind the others"
    )
    topic_share: float = Field(
        default=0.10, gt=0, lt=1, description="DQ1 topics: share of deployment from which on a topic needs judged pairs"
    )
