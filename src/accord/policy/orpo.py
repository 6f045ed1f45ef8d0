"""Odds ratio preference optimisation: supervised learning and preference in one loss (Hong et al. 2024).

-log p(chosen) / length - beta log sigmoid(log odds(chosen) - log odds(rejected)), odds p / (1 - p) of the geometric
mean of the tokens' probabilities (arXiv 2403.07691, eqs. 4-7, whose lambda is `beta` here). No reference, and no
supervised start is needed. A tie teaches neither side: it is left out of both parts.

Left out: nothing.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.pairwise import PairLogprobs, Pairwise

with deferred():
    import torch
    from torch import Tensor
    from torch.nn.functional import logsigmoid

__all__ = ["ORPO"]


class ORPO(Pairwise):
    """Settings of ORPO."""

    sentence = "ORPO then trained the policy on the pairs themselves"
    renamed: ClassVar[Mapping[str, str]] = {"weight": "beta"}

    kind: Literal["orpo"] = "orpo"
    beta: float = Field(default=0.1, gt=0, description="of the odds ratio beside the likelihood")

    @property
    def needs_reference(self) -> bool:
        """No: the likelihood alone holds it."""
        return False

    def loss(self, sides: PairLogprobs) -> Tensor:
        """The likelihood of the chosen, and the odds ratio."""
        likelihood_P = -sides.chosen_P / sides.chosen_tokens_P
        return torch.where(sides.tie_P, 0.0, likelihood_P - self.beta * logsigmoid(self.margin(sides)))

    def margin(self, sides: PairLogprobs) -> Tensor:
        """The log of the odds ratio."""
        chosen_P = sides.chosen_P / sides.chosen_tokens_P
        rejected_P = sides.rejected_P / sides.rejected_tokens_P
        return _log_odds(chosen_P) - _log_odds(rejected_P)


def _log_odds(logprob_P: Tensor) -> Tensor:
    """log p - log(1 - p), finite where p is 1 in float32."""
    return logprob_P - torch.log(-torch.expm1(logprob_P.clamp(max=-1e-6)))
