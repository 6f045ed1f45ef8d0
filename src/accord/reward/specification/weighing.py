"""How much each clause counts, fitted to what people said of completions, with intervals.

Preferences: logistic regression of who won on differences of answers (`fit_coefficients`). Ratings: ridge regression
    (X'WX + I/s^2) c = X'W y,   X, y less their weighted means
on ratings brought to a scale from 0 to 1, as if their noise had deviation .25. The intervals are those of a normal
posterior about the mode (Laplace), 1.96 deviations to each side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.reward.coefficients import fit_coefficients

__all__ = ["Weights", "by_preferences", "by_ratings"]

NOISE = 0.25
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Coefficients of K clauses with the standard deviation of each, and how many judgements they come from."""

    value_K: Floats
    std_K: Floats
    n: int

    def intervals(self) -> list[tuple[float, float]]:
        """95 %, a clause each."""
        low_K, high_K = self.value_K - 1.96 * self.std_K, self.value_K + 1.96 * self.std_K
        return list(zip(low_K.tolist(), high_K.tolist(), strict=True))


def by_preferences(difference_PK: Floats, tie_P: NDArray[np.bool_], weight_P: Floats, *, prior_std: float) -> Weights:
    """From P preferences, chosen less rejected."""
    value_K = fit_coefficients(difference_PK, tie_P, weight_P, prior_std=prior_std)
    share_P = expit(difference_PK @ value_K)
    precision_KK = (difference_PK.T * (weight_P * share_P * (1 - share_P))) @ difference_PK
    return Weights(value_K, _deviations(precision_KK, prior_std), len(tie_P))


def by_ratings(answer_NK: Floats, rating_N: Floats, weight_N: Floats, *, prior_std: float) -> Weights:
    """From N ratings between 0 and 1."""
    share_N = weight_N / weight_N.sum()
    centred_NK, centred_N = answer_NK - share_N @ answer_NK, rating_N - share_N @ rating_N
    precision_KK = (centred_NK.T * weight_N) @ centred_NK / NOISE**2
    prior_KK = np.eye(answer_NK.shape[1]) / prior_std**2
    value_K = np.linalg.solve(precision_KK + prior_KK, (centred_NK.T * weight_N) @ centred_N / NOISE**2)
    return Weights(value_K, _deviations(precision_KK, prior_std), len(rating_N))


def _deviations(precision_KK: Floats, prior_std: float) -> Floats:
    deviations: Floats = np.sqrt(np.diag(np.linalg.inv(precision_KK + np.eye(len(precision_KK)) / prior_std**2)))
    return deviations
