"""Weights between a sampler and the trainer: samples of another distribution than the one that learns from them.

A sampler may work in another precision, with other kernels, or with weights of an earlier step. What it draws then
comes from mu, and not from the policy pi that the trainer computes; a gradient that takes it for pi's is biased. Each
token, or each sequence, weighs min(pi / mu, cap) (`accord.policy.losses.importance_weight`), with pi as the trainer
measures it before its first update of the step, so that the update's own ratio still begins at 1.

All of a token's loss is weighed, the KL in it too. Baselines and what advantages are divided by stay those of what was
drawn: a baseline needs no weight, for it does not depend on its own sample.

Left out: masking instead of truncation, weights that are scaled to a mean of 1.
"""

from typing import Any, Literal, NamedTuple

from pydantic import Field

from accord.deferred import deferred
from accord.policy.online import Online

with deferred():
    from torch import Tensor

    from accord.policy.losses import importance_weight
    from accord.policy.rollout import Rollout

__all__ = ["ImportanceWeights", "Weighed"]


class ImportanceWeights(NamedTuple):
    """What each token weighs, [B, T], and what is logged of that."""

    weight_BT: Tensor
    metrics: dict[str, float]


class Weighed(Online):
    """Settings of algorithms whose loss is a sum over sampled tokens, which can be weighed."""

    importance_weights: Literal["none", "token", "sequence"] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what is weighed by min(trainer / sampler, importance_cap); unset: tokens where a server samples "
        "or there is `staleness`, else nothing",
    )
    importance_cap: float = Field(
        default=2.0, gt=0, exclude_if=lambda value: value == 2.0, description="the greatest importance weight"
    )

    staleness: int = Field(
        default=0,
        ge=0,
        exclude_if=lambda value: value == 0,
        description="steps by which the weights that write a step's samples lie behind those that learn from them",
    )

    @property
    def steps_ahead(self) -> int:
        """By `staleness`."""
        return self.staleness

    @property
    def weighs(self) -> Literal["none", "token", "sequence"]:
        """What is weighed."""
        elsewhere = self.sampler is not None or self.staleness > 0
        return self.importance_weights or ("token" if elsewhere else "none")

    @property
    def needs_old_logprobs(self) -> bool:
        """Also where samples are weighed: the trainer's own log-probabilities are in the weights."""
        return super().needs_old_logprobs or self.weighs != "none"

    def importance(self, rollout: Rollout) -> ImportanceWeights | None:
        """The weights of a step's samples, which must have been measured; None where nothing is weighed."""
        level = self.weighs
        if level == "none":
            return None
        mask_BT, trainer_BT = rollout.mask_BT, rollout.policy.logprob_BT
        weight_BT, log_BT = importance_weight(
            trainer_BT, rollout.sampled_BT, mask_BT, level=level, cap=self.importance_cap
        )
        ratio_N = log_BT[mask_BT].double().exp() if level == "token" else log_BT[:, 0].double().exp()
        metrics: dict[str, Any] = {
            "importance_ratio": float(ratio_N.mean()),
            "importance_truncated": float((ratio_N > self.importance_cap).double().mean()),
        }
        return ImportanceWeights(weight_BT, metrics)
