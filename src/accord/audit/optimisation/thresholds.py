"""Thresholds of RL1 and of DC2 excess."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["OptimisationThresholds"]


class OptimisationThresholds(Thresholds):
    """How far from its objective's optimum a policy may be, on this side and beyond, and how seldom good answers."""

    family: ClassVar[str] = "optimisation"

    gap: float = Field(
        default=0.25, gt=0, lt=1, description="RL1 reached: share of what there was to gain that the policy leaves"
    )
    unexplored: float = Field(
        default=0.1, ge=0, description="RL1 exploration: SDs that the start's best text may be better than the policy's"
    )
    price: float = Field(
        default=0.6,
        gt=0,
        lt=1,
        description="DC2 excess: reward that the policy's last nat of KL brings, as a share of its price `kl_coef`",
    )
    good: float | None = Field(
        default=None,
        description="RL1 coverage: reward from which an answer is good; unset: one that differs from a prompt's others",
    )
    barren: float = Field(
        default=0.25, ge=0, lt=1, description="RL1 coverage: share of prompts on which no rollout was good"
    )
