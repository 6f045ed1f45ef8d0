"""Kahneman-Tversky optimisation: each answer is good or bad by itself, gains and losses weighed apart.

Ethayarajh et al. 2024 (arXiv 2402.01306, eqs. 7-8): with r = log pi - log ref of an answer and z a reference point, an
estimate of the KL from answers under prompts that are not theirs, the loss is desirable (1 - sigmoid(beta (r - z))) for
a good one and undesirable (1 - sigmoid(beta (z - r))) for a bad one. Here the chosen side of a pair is good and the
rejected one bad; a tie teaches nothing.

Left out: answers that were judged alone (labels), until a data set carries them.
"""

from typing import Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.pairwise import PairLogprobs, Pairwise

with deferred():
    import torch
    from torch import Tensor

__all__ = ["KTO"]


class KTO(Pairwise):
    """Settings of KTO."""

    sentence = "KTO then trained the policy on the chosen and the rejected texts"

    kind: Literal["kto"] = "kto"
    beta: float = Field(default=0.1, gt=0)
    desirable: float = Field(default=1.0, gt=0, description="weight of good answers")
    undesirable: float = Field(default=1.0, gt=0, description="weight of bad answers")

    @property
    def needs_kl_baseline(self) -> bool:
        """Answers are held against those under other prompts."""
        return True

    def loss(self, sides: PairLogprobs) -> Tensor:
        """Half the sum of both sides' losses."""
        good_P = self.desirable * torch.sigmoid(self.beta * (sides.kl_baseline - _ratio(sides, chosen=True)))
        bad_P = self.undesirable * torch.sigmoid(self.beta * (_ratio(sides, chosen=False) - sides.kl_baseline))
        return torch.where(sides.tie_P, 0.0, (good_P + bad_P) / 2)

    def margin(self, sides: PairLogprobs) -> Tensor:
        """beta times the difference of log-ratios to the reference."""
        return self.beta * (_ratio(sides, chosen=True) - _ratio(sides, chosen=False))


def _ratio(sides: PairLogprobs, *, chosen: bool) -> Tensor:
    if chosen:
        return sides.chosen_P - sides.chosen_reference_P
    return sides.rejected_P - sides.rejected_reference_P
