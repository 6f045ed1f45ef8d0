"""REINFORCE with a baseline (Williams 1992): the plainest policy gradient.

Every token is followed by its return: the judge's score at the end, less `kl_coef` times the log-ratio to the reference
from that token on, or of the whole text. The baseline is the mean return of earlier steps, an exponential average that
is kept in the run, of all prompts or of each by itself; it does not look at the step's own samples, so the gradient of
E[score] - kl_coef KL(pi || ref) is unbiased. At the optimum the whole return is the same for every text of a prompt:
with `to_go` off and the baseline of each prompt the noise vanishes there, else some is left.

Left out: several updates on the same samples (PPO has them).
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.gradient import PolicyGradient, Tokens
from accord.policy.online import Dense

with deferred():
    import torch
    from torch import Tensor

    from accord.policy.advantages import above, every_token, kl_penalised, returns_to_go
    from accord.policy.losses import ClippedLoss, reinforce
    from accord.policy.optimum import KLObjective
    from accord.policy.rollout import Rollout

__all__ = ["REINFORCE"]


class REINFORCE(Dense, PolicyGradient):
    """Settings of REINFORCE."""

    sentence = "REINFORCE then optimised the policy against that reward model"
    renamed: ClassVar[Mapping[str, str]] = {"memory": "baseline_decay"}

    kind: Literal["reinforce"] = "reinforce"
    epochs: Literal[1] = 1
    minibatches: Literal[1] = 1
    kl_coef: float = Field(default=0.05, ge=0, description="coefficient of the KL to the reference, at every token")
    baseline: Literal["all", "prompt"] = Field(
        default="all", description="the mean of all returns, or of those to the same prompt where it was met before"
    )
    to_go: bool = Field(default=True, description="the return from each token on; else that of the whole text")
    baseline_decay: float = Field(default=0.9, ge=0, lt=1, description="what the baseline keeps of itself in a step")

    @property
    def kl_objective(self) -> KLObjective | None:
        """The score less `kl_coef` times the KL of the whole text."""
        return self.regularised_by(self.kl_coef)

    def advantages(self, rollout: Rollout, score_B: Tensor, state: dict[str, Any]) -> Tensor:
        """Return from each token on, less the baseline; what was not met before takes the mean of this step."""
        measured = (rollout.policy.logprob_BT, rollout.reference_BT, rollout.mask_BT)
        reward_BT = kl_penalised(score_B, *measured, kl_coef=self.kl_coef, dense_BT=rollout.dense_BT)
        return_BT = returns_to_go(reward_BT, rollout.mask_BT)
        whole_B = return_BT[:, 0]
        if not self.to_go:
            return_BT = every_token(whole_B, rollout.mask_BT)
        return above(return_BT, self._baselines(rollout, whole_B, state)[:, None]) * rollout.mask_BT

    def _baselines(self, rollout: Rollout, whole_B: Tensor, state: dict[str, Any]) -> Tensor:
        """What each sample's return is held against, [B], from the returns of earlier steps."""
        if self.baseline == "all":
            return torch.full_like(whole_B, self._baseline(state, "baseline", whole_B))
        means = state.setdefault("baselines", {})
        baseline_B = torch.zeros_like(whole_B)
        for prompt in dict.fromkeys(each.id for each in rollout.prompts):
            rows = [row for row, each in enumerate(rollout.prompts) if each.id == prompt]
            baseline_B[rows] = self._baseline(means, prompt, whole_B[rows])
        return baseline_B

    def _baseline(self, means: dict[str, Any], name: str, return_N: Tensor) -> float:
        """The mean of earlier steps, which then moves towards that of these returns."""
        mean = float(return_N.mean())
        before = float(means.get(name, mean))
        means[name] = self.baseline_decay * before + (1 - self.baseline_decay) * mean
        return before

    def loss(self, tokens: Tokens) -> ClippedLoss:
        """-A log p."""
        return reinforce(tokens.logprob_N, tokens.advantage_N)

    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """The sum over a sequence's tokens, the mean over sequences."""
        return rollout.score_B.new_full((len(rollout.score_B),), 1 / len(rows))
