"""Identity preference optimisation: a margin of its own size instead of one without end (Azar et al. 2023).

The squared distance of the difference of log-ratios from 1 / (2 beta) (arXiv 2310.12036, eq. 17, whose tau is `beta`
here): where all pairs go one way DPO drives the margin to infinity, and this does not. A tie wants a difference of 0.
`normalised` divides the log-ratios by the lengths, as the authors' own experiments did.

Left out: margins that differ from pair to pair.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.pairwise import PairLogprobs, Pairwise

with deferred():
    import torch
    from torch import Tensor

__all__ = ["IPO"]


class IPO(Pairwise):
    """Settings of IPO."""

    sentence = "IPO then trained the policy on the pairs themselves"
    renamed: ClassVar[Mapping[str, str]] = {"tau": "beta"}

    kind: Literal["ipo"] = "ipo"
    beta: float = Field(default=0.1, gt=0, description="strength of the regularisation")
    normalised: bool = Field(default=False, description="log-ratios a token instead of summed")

    def loss(self, sides: PairLogprobs) -> Tensor:
        """(difference of log-ratios - 1 / (2 beta))^2."""
        wanted_P = torch.where(sides.tie_P, 0.0, 1 / (2 * self.beta))
        return (self.margin(sides) - wanted_P) ** 2

    def margin(self, sides: PairLogprobs) -> Tensor:
        """The difference of log-ratios to the reference."""
        chosen_P = sides.chosen_P - sides.chosen_reference_P
        rejected_P = sides.rejected_P - sides.rejected_reference_P
        if self.normalised:
            chosen_P, rejected_P = chosen_P / sides.chosen_tokens_P, rejected_P / sides.rejected_tokens_P
        return chosen_P - rejected_P
