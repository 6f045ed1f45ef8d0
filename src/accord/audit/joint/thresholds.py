"""Thresholds of JT1 and JT2."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["JointThresholds"]


class JointThresholds(Thresholds):
    """How far a reward may fall behind the policy that it teaches."""

    family: ClassVar[str] = "joint"

    growth: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="JT1 growth: by how much, as a probability, the text with more of what grew is over-estimated",
    )
    stale: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="JT2 stale: share of answers on the policy's texts against the reward, beyond what it foretold",
    )
