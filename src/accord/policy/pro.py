"""Preference ranking optimisation: each sample against all that are worse, as in a race (Song et al. 2023).

With s the log-probability a token: -sum over k of log(exp(s_k) / sum of exp(s_i) over k itself and all i that score
less), and the negative log-probability a token of the best (arXiv 2306.17492, eqs. 6-8). With `gaps` the differences of
the scores are inverse temperatures, so that a narrow order counts for less. Nothing holds the policy near its start.

Left out: samples of other models beside the start's.
"""

from typing import Literal

from pydantic import Field

from accord.deferred import deferred
from accord.policy.ranked import Ranked

with deferred():
    import torch
    from torch import Tensor

__all__ = ["PRO"]


class PRO(Ranked):
    """Settings of PRO."""

    sentence = "PRO then trained the policy on samples in the order of that reward model's scores"

    kind: Literal["pro"] = "pro"
    gaps: bool = Field(default=False, description="differences of the scores as inverse temperatures")

    def loss(self, total_PG: Tensor, length_PG: Tensor, score_PG: Tensor) -> Tensor:
        """The ranking and the likelihood of the best, of each prompt."""
        mean_PG = total_PG / length_PG
        gap_PGG = score_PG[:, :, None] - score_PG[:, None, :]  # of k over i
        worse_PGG = gap_PGG > 0
        sharp_PGG = torch.ones_like(gap_PGG)
        if self.gaps:
            nearest_PG = torch.where(worse_PGG, gap_PGG, torch.inf).amin(2)
            nearest_PG = torch.where(nearest_PG.isinf(), 1.0, nearest_PG)
            sharp_PGG = torch.where(worse_PGG, gap_PGG, nearest_PG[:, :, None])
        own_GG = torch.eye(score_PG.shape[1], dtype=torch.bool, device=score_PG.device)
        in_race_PGG = worse_PGG | own_GG
        speed_PGG = (mean_PG[:, None, :] * sharp_PGG).masked_fill(~in_race_PGG, -torch.inf)
        lost_PG = speed_PGG.logsumexp(2) - speed_PGG.diagonal(dim1=1, dim2=2)
        best_P1 = score_PG.argmax(1, keepdim=True)
        return lost_PG.sum(1) - self.sft_coef * mean_PG.gather(1, best_P1)[:, 0]
