"""REINFORCE++: PPO's clipping and KL at every token without a value model (Hu et al. 2025, arXiv 2501.03262).

The advantage of a token is the judge's score less `kl_coef` times the log-ratio to the reference from that token on,
whitened over all tokens of the step.

Left out: the variant with a group's mean as baseline (GRPO and RLOO have groups).
"""

from typing import Any, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.gradient import PolicyGradient, Tokens
from accord.policy.online import Dense

with deferred():
    import torch
    from torch import Tensor

    from accord.policy.advantages import kl_penalised, returns_to_go, whitened
    from accord.policy.losses import ClippedLoss, ppo_policy
    from accord.policy.optimum import KLObjective
    from accord.policy.rollout import Rollout

__all__ = ["ReinforcePP"]


class ReinforcePP(Dense, PolicyGradient):
    """Settings of REINFORCE++."""

    sentence = "REINFORCE++ then optimised the policy against that reward model"

    kind: Literal["reinforce++"] = "reinforce++"
    kl_coef: float = Field(default=0.05, ge=0, description="coefficient of the KL to the reference, at every token")
    clip: float = Field(default=0.2, gt=0)

    @property
    def kl_objective(self) -> KLObjective | None:
        """The score less `kl_coef` times the KL of the whole text."""
        return self.regularised_by(self.kl_coef)

    def advantages(self, rollout: Rollout, score_B: Tensor, state: dict[str, Any]) -> Tensor:
        """Return from each token on, whitened over the step."""
        measured = (rollout.policy.logprob_BT, rollout.reference_BT, rollout.mask_BT)
        reward_BT = kl_penalised(score_B, *measured, kl_coef=self.kl_coef, dense_BT=rollout.dense_BT)
        return whitened(returns_to_go(reward_BT, rollout.mask_BT), rollout.mask_BT)

    def loss(self, tokens: Tokens) -> ClippedLoss:
        """The clipped surrogate of PPO."""
        return ppo_policy(tokens.logprob_N, tokens.old_N, tokens.advantage_N, clip=self.clip)

    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """The mean over all tokens of the update."""
        length_B = rollout.mask_BT.sum(1).float()
        return torch.full_like(length_B, 1 / float(length_B[rows].sum()))
