"""Group relative policy optimisation: samples of one prompt are held against one another (Shao et al. 2024).

A step samples a group of completions for each prompt, has them judged, and follows the clipped surrogate with each
score's distance to its group's mean as the advantage of every token. No value model. Where a step makes one update,
the update's own forward pass gives the old log-probabilities: nothing is computed twice. With `scale` off and
`average = "constant"` this is the unbiased form of Liu et al. 2025 (arXiv 2503.20783).

The KL stands in the loss, as k3 on the policy's own samples. Its gradient is that of KL(ref || pi) at each prefix, not
of KL(pi || ref), and the advantages know nothing of it: GRPO does not converge to ref exp(r / kl_coef) / Z but to
kl ref(a|s) / (lambda(s) - Q(s, a)) at each prefix s (`accord.lab.enumerated` works it out, the tests find it there).

Left out: overlong filtering and dynamic sampling of prompts (Yu et al. 2025).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.gradient import PolicyGradient, Tokens

with deferred():
    import torch
    from torch import Tensor

    from accord.policy.advantages import every_token, group_relative
    from accord.policy.losses import ClippedLoss, kl_to_reference, ppo_policy
    from accord.policy.rollout import Rollout

__all__ = ["GRPO"]


class GRPO(PolicyGradient):
    """Settings of GRPO."""

    sentence = "GRPO then optimised the policy against that reward model"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {"scale": False, "average": "constant"}
    renamed: ClassVar[Mapping[str, str]] = {"clip_up": "clip_high"}

    kind: Literal["grpo"] = "grpo"
    group_size: int = Field(default=8, ge=2, description="samples of each prompt")
    clip: float = Field(default=0.2, gt=0)
    clip_high: float | None = Field(default=None, gt=0, description="the bound above; unset: the same as below")
    scale: bool = Field(default=True, description="divide by the deviation of the group's scores")
    average: Literal["sequence", "token", "constant"] = Field(
        default="token",
        description="of a sequence's tokens first, of all tokens alike, or a sum over max_tokens",
    )
    kl_coef: float = Field(default=0.04, ge=0, description="coefficient of the KL to the reference, in the loss")
    watch_kl: bool = Field(default=True, description="measure the KL also where it is not in the loss")

    @property
    def needs_reference(self) -> bool:
        """Where the KL is in the loss, or watched."""
        return bool(self.kl_coef) or self.watch_kl

    def advantages(self, rollout: Rollout, score_B: Tensor, state: dict[str, Any]) -> Tensor:
        """Each score's distance to its group's mean, at every token."""
        return every_token(group_relative(score_B, self.group_size, scale=self.scale), rollout.mask_BT)

    def loss(self, tokens: Tokens) -> ClippedLoss:
        """The clipped surrogate and the KL (Shao et al. 2024, eq. 3)."""
        clipped = ppo_policy(
            tokens.logprob_N, tokens.old_N, tokens.advantage_N, clip=self.clip, clip_high=self.clip_high
        )
        if not self.kl_coef:
            return clipped
        return clipped._replace(
            loss_N=clipped.loss_N + self.kl_coef * kl_to_reference(tokens.logprob_N, tokens.reference_N)
        )

    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """By `average`."""
        length_B = rollout.mask_BT.sum(1).float()
        match self.average:
            case "sequence":
                return 1 / (length_B * len(rows))
            case "token":
                return torch.full_like(length_B, 1 / float(length_B[rows].sum()))
            case "constant":
                return torch.full_like(length_B, 1 / (self.sampling.max_tokens * len(rows)))
