"""Rank responses to align with human feedback: likelihoods in the order of the scores (Yuan et al. 2023).

With p the log-probability a token: the sum over pairs of samples with score_i < score_j of max(0, p_i - p_j), and
-log pi of the best sample (arXiv 2304.05302, eqs. 2-4). Nothing holds the policy near its start. The samples are the
start's, and those of other models where `writers` names them.
"""

from typing import Literal

from accord.deferred import deferred
from accord.policy.ranked import Ranked

with deferred():
    from torch import Tensor
    from torch.nn.functional import relu

__all__ = ["RRHF"]


class RRHF(Ranked):
    """Settings of RRHF."""

    sentence = "RRHF then trained the policy on samples in the order of that reward model's scores"

    kind: Literal["rrhf"] = "rrhf"

    def loss(self, total_PG: Tensor, length_PG: Tensor, score_PG: Tensor) -> Tensor:
        """The ranking and the likelihood of the best, of each prompt."""
        mean_PG = total_PG / length_PG
        worse_PGG = score_PG[:, :, None] < score_PG[:, None, :]
        over_PGG = relu(mean_PG[:, :, None] - mean_PG[:, None, :]) * worse_PGG
        best_P1 = score_PG.argmax(1, keepdim=True)
        return over_PGG.sum((1, 2)) - self.sft_coef * total_PG.gather(1, best_P1)[:, 0]
