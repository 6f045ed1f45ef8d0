"""Last-layer Laplace: how far a head could be from where it was fitted, by the curvature of what was said.

With features phi_a [D] of completion a, its score by output m is w_m . phi_a + b_m. At the fitted point the negative
log-posterior of w_m is about quadratic, so the posterior is about normal with covariance

    Sigma_m = (sum_o Phi_o' H_om Phi_o + I / prior_std^2)^-1

where Phi_o are the features of the completions that observation o is about and H_om the second derivatives of its
negative log-likelihood with respect to their scores (MacKay 1992, Neural Computation 4; of the last layer of a network:
Kristiadi et al. 2020, arXiv 2002.10118; Daxberger et al. 2021, arXiv 2106.14806). As scores are linear in the head,
this generalised Gauss-Newton matrix is the exact Hessian. Where a likelihood is not log-concave (as with lapses),
directions of negative curvature count nothing, which leaves more doubt, never less.

The bias is a weight like the others and is integrated out; what is only compared says nothing of it, nor of any
constant in the features, so scores are taken less their mean over the completions that set their place. Parameters of
the terms (thresholds, ties) and the decoder are taken as they were fitted: this is the doubt of the head alone.

Under an ensemble each member's posterior is about its own point and its own bootstrap weights, and together they are a
mixture (Eschenhagen et al. 2021, arXiv 2111.03577). Members of few judgements then count the same doubt in part twice.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accord.lm.head_posterior import HeadPosterior
from accord.reward.observations import Observation
from accord.reward.terms.base import Term

__all__ = ["HeadPrecision", "laplace", "score_curvature"]

Floats = NDArray[np.float64]

FLAT = 1e-9  # precision of a prior that is as good as none: what is not observed at all must have some


def score_curvature(nll: Callable[[Tensor], Tensor], score_AM: Tensor) -> Tensor:
    """Second derivatives of a negative log-likelihood with respect to the scores of each output, [M, A, A], float64.

    `nll` maps scores [A, M] to a sum over outputs of functions of one column each. Negative curvature is set to 0.
    """
    score_AM = score_AM.detach().double().requires_grad_()
    (gradient_AM,) = torch.autograd.grad(nll(score_AM), score_AM, create_graph=True)
    rows = []
    for gradient_M in gradient_AM:
        if not gradient_M.requires_grad:
            rows.append(torch.zeros_like(score_AM))
            continue
        (row_AM,) = torch.autograd.grad(gradient_M.sum(), score_AM, retain_graph=True)
        rows.append(row_AM)
    curvature_MAA = torch.stack(rows).permute(2, 0, 1)
    value_MA, vector_MAA = torch.linalg.eigh((curvature_MAA + curvature_MAA.mT) / 2)
    positive_MAA: Tensor = (vector_MAA * value_MA.clamp(min=0)[:, None]) @ vector_MAA.mT
    return positive_MAA


class HeadPrecision:
    """The precision of the heads of M outputs over D features and a bias, gathered from observations.

    `prior_std` is the deviation of the normal prior of each weight about its start; None is a flat one.
    """

    def __init__(self, outputs: int, width: int, *, prior_std: float | None) -> None:
        precision = max(FLAT, 0.0 if prior_std is None else prior_std**-2)
        self.precision_MDD = precision * torch.eye(width + 1, dtype=torch.float64).repeat(outputs, 1, 1)

    def add(self, feature_AD: Tensor, curvature_MAA: Tensor) -> None:
        """Add what observations say: the features of their completions, and `score_curvature` of them."""
        one_A = torch.ones((len(feature_AD), 1), dtype=torch.float64)
        wide_AD = torch.cat([feature_AD.detach().double().cpu(), one_A], 1)
        self.precision_MDD += wide_AD.T @ curvature_MAA.cpu() @ wide_AD

    def posterior(self, centre_D: Tensor) -> HeadPosterior:
        """The posterior, of scores less those of the features `centre_D`."""
        lower_MDD = torch.linalg.cholesky(self.precision_MDD)
        eye_DD = torch.eye(lower_MDD.shape[1], dtype=torch.float64).expand_as(lower_MDD)
        root_MDD = torch.linalg.solve_triangular(lower_MDD.mT, eye_DD, upper=True)  # root root' is the inverse
        weights_MDD = root_MDD[:, :-1]  # of the weights; the bias is integrated out
        square_MDD = torch.linalg.cholesky(weights_MDD @ weights_MDD.mT)
        return HeadPosterior(square_MDD.contiguous().numpy(), centre_D.detach().double().cpu().numpy())


def laplace(
    term: Term,
    feature_AD: Tensor,
    score_AM: Tensor,
    observations: Sequence[Observation],
    places: Sequence[Sequence[int]],
    *,
    prior_std: float | None,
    weight_OM: Tensor | None = None,
    centre_D: Tensor | None = None,
) -> HeadPosterior:
    """The posterior of heads that gave A completions with features `feature_AD` the scores `score_AM`.

    `places[o]` are the rows of the completions that observation o is about; each counts by its weight, times
    `weight_OM` where that is given. `centre_D` is the features' mean where it is unset.
    """
    precision = HeadPrecision(score_AM.shape[1], feature_AD.shape[1], prior_std=prior_std)
    own_O = torch.tensor([each.weight for each in observations], dtype=torch.float64)
    count_OM = own_O[:, None] if weight_OM is None else own_O[:, None] * weight_OM
    for named in _connected(places):
        rows = sorted({row for index in named for row in places[index]})
        row_of = {row: number for number, row in enumerate(rows)}
        some = [observations[index] for index in named]
        at = [[row_of[row] for row in places[index]] for index in named]

        def nll(
            score_aM: Tensor,
            some: list[Observation] = some,
            at: list[list[int]] = at,
            count_oM: Tensor = count_OM[named],
        ) -> Tensor:
            return (count_oM * term.nll(score_aM, some, at)).sum()

        precision.add(feature_AD[rows], score_curvature(nll, score_AM[rows]))
    return precision.posterior(feature_AD.double().mean(0) if centre_D is None else centre_D)


def _connected(places: Sequence[Sequence[int]]) -> list[list[int]]:
    """Observations in groups that share no completion, so that derivatives are taken within groups alone."""
    root: dict[int, int] = {}

    def find(row: int) -> int:
        while root.setdefault(row, row) != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for rows in places:
        for row in rows[1:]:
            root[find(row)] = find(rows[0])
    groups: dict[int, list[int]] = {}
    for index, rows in enumerate(places):
        groups.setdefault(find(rows[0]), []).append(index)
    return list(groups.values())
