"""Simple preference optimisation: mean log-probabilities, a margin, and no reference (Meng et al. 2024).

-log sigmoid(beta (log p(chosen) / length - log p(rejected) / length) - gamma) (arXiv 2405.14734, eq. 6). Ties are half
a preference each way, without the margin.

Left out: nothing; without a reference the policy may move as far as it likes, and the audit must look.
"""

from typing import Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.pairwise import PairLogprobs, Pairwise

with deferred():
    import torch
    from torch import Tensor
    from torch.nn.functional import logsigmoid

__all__ = ["SimPO"]


class SimPO(Pairwise):
    """Settings of SimPO."""

    sentence = "SimPO then trained the policy on the pairs themselves"

    kind: Literal["simpo"] = "simpo"
    beta: float = Field(default=2.0, gt=0)
    gamma: float = Field(default=1.0, ge=0, description="the margin that is asked for")

    @property
    def needs_reference(self) -> bool:
        """No: lengths and the margin take its place."""
        return False

    def loss(self, sides: PairLogprobs) -> Tensor:
        """-log sigmoid(margin - gamma)."""
        margin_P = self.margin(sides)
        tied_P = -(logsigmoid(margin_P) + logsigmoid(-margin_P)) / 2
        return torch.where(sides.tie_P, tied_P, -logsigmoid(margin_P - self.gamma))

    def margin(self, sides: PairLogprobs) -> Tensor:
        """beta times the difference of log-probabilities a token."""
        return self.beta * (sides.chosen_P / sides.chosen_tokens_P - sides.rejected_P / sides.rejected_tokens_P)
