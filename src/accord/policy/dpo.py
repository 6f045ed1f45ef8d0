"""Direct preference optimisation: the policy learns from pairs, without a reward model and without sampling.

Under Bradley-Terry, with enough pairs, its optimum is that of E[r] - beta KL(pi || ref) (Rafailov et al. 2023). Ties
are half a preference each way. `noise` says which share of the answers is taken to be the wrong way round: the loss is
then the unbiased one of Chowdhury et al. 2024 (arXiv 2403.00409). `normalised` divides by lengths (Meng et al. 2024).

Left out: a reference that moves.
"""

from typing import Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.pairwise import PairLogprobs, Pairwise

with deferred():
    import torch
    from torch import Tensor

    from accord.policy.losses import direct_preference

__all__ = ["DPO"]


class DPO(Pairwise):
    """Settings of DPO."""

    sentence = "DPO then trained the policy on the pairs themselves"

    kind: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0)
    noise: float = Field(default=0.0, ge=0, lt=0.5, description="share of answers taken to be the wrong way round")
    normalised: bool = Field(default=False, description="log-ratios a token instead of summed")

    def loss(self, sides: PairLogprobs) -> Tensor:
        """-log sigmoid of the margin; with noise e, ((1 - e) loss - e loss the other way round) / (1 - 2 e)."""
        margin_P = self.margin(sides) / self.beta
        nothing_P = torch.zeros_like(margin_P)
        loss_P = direct_preference(margin_P, nothing_P, sides.tie_P, beta=self.beta)
        if not self.noise:
            return loss_P
        other_P = direct_preference(-margin_P, nothing_P, sides.tie_P, beta=self.beta)
        return ((1 - self.noise) * loss_P - self.noise * other_P) / (1 - 2 * self.noise)

    def margin(self, sides: PairLogprobs) -> Tensor:
        """beta times the difference of log-ratios to the reference."""
        chosen_P = sides.chosen_P - sides.chosen_reference_P
        rejected_P = sides.rejected_P - sides.rejected_reference_P
        if self.normalised:
            chosen_P, rejected_P = chosen_P / sides.chosen_tokens_P, rejected_P / sides.rejected_tokens_P
        return self.beta * (chosen_P - rejected_P)
