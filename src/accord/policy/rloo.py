"""REINFORCE with a leave-one-out baseline (Kool et al. 2019; Ahmadian et al. 2024, arXiv 2402.14740).

A sample's return is the judge's score less `kl_coef` times its log-ratio to the reference, the completion as one
action; its baseline is the mean return of the other samples of its prompt, so the gradient is that of
E[score] - kl_coef KL(pi || ref), without bias. A step makes one update, whose old log-probabilities are its own.

With `dense` each token is an action: its return is what is earned from it on, the log-ratios from it on taken off, and
its baseline the mean of the same of the other samples, from the same place on. What was earned before a token does not
depend on it, and the others do not know the sample, so the gradient is the same in expectation. At the optimum whole
returns are equal and their noise vanishes; returns from a token on are not, and keep some.

Left out: several updates on the same samples, which would need importance weights (PPO has them).
"""

from typing import Any, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.gradient import PolicyGradient, Tokens
from accord.policy.online import Dense

with deferred():
    from torch import Tensor

    from accord.policy.advantages import every_token, kl_penalised, leave_one_out, returns_to_go
    from accord.policy.losses import ClippedLoss, reinforce
    from accord.policy.optimum import KLObjective
    from accord.policy.rollout import Rollout

__all__ = ["RLOO"]


class RLOO(Dense, PolicyGradient):
    """Settings of RLOO."""

    sentence = "RLOO then optimised the policy against that reward model"

    kind: Literal["rloo"] = "rloo"
    group_size: int = Field(default=8, ge=2, description="samples of each prompt")
    epochs: Literal[1] = 1
    minibatches: Literal[1] = 1
    kl_coef: float = Field(default=0.05, ge=0, description="coefficient of the KL to the reference, in the return")

    @property
    def kl_objective(self) -> KLObjective | None:
        """The score less `kl_coef` times the KL of the whole text."""
        return self.regularised_by(self.kl_coef)

    def advantages(self, rollout: Rollout, score_B: Tensor, state: dict[str, Any]) -> Tensor:
        """The return of each sample less the mean of the others of its group, at every token or from each on."""
        if rollout.dense_BT is not None:
            measured = (rollout.policy.logprob_BT, rollout.reference_BT, rollout.mask_BT)
            reward_BT = kl_penalised(score_B, *measured, kl_coef=self.kl_coef, dense_BT=rollout.dense_BT)
            return leave_one_out(returns_to_go(reward_BT, rollout.mask_BT), self.group_size) * rollout.mask_BT
        return every_token(leave_one_out(score_B - self.kl_coef * rollout.kl_B, self.group_size), rollout.mask_BT)

    def loss(self, tokens: Tokens) -> ClippedLoss:
        """-A log p."""
        return reinforce(tokens.logprob_N, tokens.advantage_N)

    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """The sum over a sequence's tokens, the mean over sequences."""
        return rollout.score_B.new_full((len(rollout.score_B),), 1 / len(rows))
