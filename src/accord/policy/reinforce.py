"""REINFORCE with a baseline (Williams 1992): the plainest policy gradient.

Every token is followed by its return: the judge's score at the end, less `kl` times the log-ratio to the reference
from that token on. The baseline is the mean return of earlier steps, an exponential average that is kept in the run;
it does not look at the step's own samples, so the gradient of E[score] - kl KL(pi || ref) is unbiased.

Left out: a baseline for each prompt (RLOO has one), several updates on the same samples (PPO has them).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from accord.interfaces import Judge
from accord.policy.advantages import kl_penalised, returns_to_go
from accord.policy.losses import Clipped, reinforce
from accord.policy.online import Online, OnlineStep, Tokens, learn
from accord.policy.rollout import Rollout
from accord.records import Prompt
from accord.run import RunDirectory

__all__ = ["REINFORCE"]


class REINFORCE(Online):
    """Settings of REINFORCE."""

    kind: Literal["reinforce"] = "reinforce"
    epochs: Literal[1] = 1
    minibatches: Literal[1] = 1
    kl: float = Field(default=0.05, ge=0, description="coefficient of the KL to the reference, at every token")
    memory: float = Field(default=0.9, ge=0, lt=1, description="what the baseline keeps of itself in a step")

    def steps(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        stage: str = "policy",
    ) -> Iterator[OnlineStep]:
        """The training loop, see `accord.policy.online.learn`."""
        return learn(self, self, prompts, judge, run, start=start, stage=stage)

    def advantages(self, rollout: Rollout, score_B: Tensor, memory: dict[str, Any]) -> Tensor:
        """Return from each token on, less the baseline; the first step has no earlier one and takes its own mean."""
        reward_BT = kl_penalised(score_B, rollout.policy.logprob_BT, rollout.reference_BT, rollout.mask_BT, kl=self.kl)
        return_BT = returns_to_go(reward_BT, rollout.mask_BT)
        mean = float(return_BT[:, 0].mean())
        baseline = float(memory.get("baseline", mean))
        memory["baseline"] = self.memory * baseline + (1 - self.memory) * mean
        return (return_BT - baseline) * rollout.mask_BT

    def loss(self, tokens: Tokens) -> Clipped:
        """-A log p."""
        return reinforce(tokens.logprob_N, tokens.advantage_N)

    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """The sum over a sequence's tokens, the mean over sequences."""
        return rollout.score_B.new_full((len(rollout.score_B),), 1 / len(rows))
