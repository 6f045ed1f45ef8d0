"""Thresholds of MH3."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["PoisoningThresholds"]


class PoisoningThresholds(Thresholds):
    """Thresholds of MH3."""

    family: ClassVar[str] = "poisoning"

    level: float = Field(default=0.01, gt=0, le=0.05, description="false discovery rate among named words, or people")
    prompts: int = Field(default=20, ge=5, description="a word turned round on so many prompts must be found")
    share: float = Field(default=0.01, gt=0, lt=1, description="share of answers sent in bursts")
    words_per_second: float = Field(default=10.0, gt=0, description="nobody reads faster than this")
    burst: int = Field(default=5, ge=2, description="answers in a row, faster than reading allows, that are a burst")
    same_words: int = Field(default=8, ge=3, description="words from which on equal written texts are no chance")
    max_pairs: int = Field(default=2000, ge=100, description="pairs that the reward model is asked about")
