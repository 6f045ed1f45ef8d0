"""A logit of choices with a slope for everybody and slopes of each person around it. Pure functions of arrays.

    logit P(chosen) = a . quality + b . feature + what the other features add for everybody

A person's slopes have wide normal priors (a around everybody's, b around 0), so that few pairs give no infinite ones.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

__all__ = ["fit_everybody", "person_test", "ratio_influences"]

Floats = NDArray[np.float64]
STEPS = 25
CLOSE = 1e-8
WIDE = 5.0  # the deviation of a person's slope of the feature, in slopes of quality


def fit_everybody(difference_NK: Floats, weight_N: Floats) -> tuple[Floats, Floats]:
    """Slopes [K] that make the choices likeliest, and what each pair adds to their error, [N, K]."""
    slope_K, inverse_KK = _newton(
        difference_NK,
        weight_N,
        np.zeros(len(weight_N)),
        np.zeros(difference_NK.shape[1]),
        np.full(difference_NK.shape[1], 1e-4),
    )
    residual_N = weight_N * expit(-difference_NK @ slope_K)
    return slope_K, (residual_N[:, None] * difference_NK) @ inverse_KK


def person_test(
    difference_N2: Floats, weight_N: Floats, offset_N: Floats, usual: float, worth: float
) -> tuple[float, float]:
    """P(a bias so far beyond `worth` of quality, on the side where it lies, if it were that), and its standard error.

    By the signed root of the likelihood ratio: where choices go by the feature alone, slopes grow without end and a
    Wald test tells nothing (Hauck & Donner 1977). `usual` is everybody's slope of quality; the error is in its unit.
    """
    spread = max(abs(usual), 1e-3)
    centre_2, precision_2 = np.array([usual, 0.0]), 1 / np.array([spread / 2, WIDE * spread]) ** 2
    slope_2, covariance_22 = _newton(difference_N2, weight_N, offset_N, centre_2, precision_2)
    error = float(np.sqrt(covariance_22[1, 1])) / spread
    side = 1.0 if slope_2[1] >= 0 else -1.0
    if side * slope_2[1] <= worth * slope_2[0]:
        return 1.0, error
    along_2 = np.array([1.0, side * worth])  # the feature is worth exactly so much
    precision = float(along_2**2 @ precision_2)
    on_limit_1, _ = _newton(
        (difference_N2 @ along_2)[:, None],
        weight_N,
        offset_N,
        np.array([usual * precision_2[0] / precision]),
        np.array([precision]),
    )

    def objective(at_2: Floats) -> float:
        likely = -float(weight_N @ np.logaddexp(0, -(difference_N2 @ at_2 + offset_N)))
        return likely - float(precision_2 @ (at_2 - centre_2) ** 2) / 2

    ratio = max(2 * (objective(slope_2) - objective(on_limit_1[0] * along_2)), 0.0)
    return min(1.0, 2 * float(norm.sf(np.sqrt(ratio)))), error


def ratio_influences(slope_K: Floats, influence_NK: Floats, feature: int) -> tuple[float, Floats]:
    """The slope of a feature over that of quality, and what each pair adds to its error [N] (the delta method)."""
    ratio = float(slope_K[feature] / slope_K[0])
    return ratio, (influence_NK[:, feature] - ratio * influence_NK[:, 0]) / slope_K[0]


def _newton(
    difference_NK: Floats, weight_N: Floats, offset_N: Floats, centre_K: Floats, precision_K: Floats
) -> tuple[Floats, Floats]:
    """The mode of a logistic likelihood with a normal prior, and the inverse of the curvature there."""
    slope_K = centre_K.copy()
    for _ in range(STEPS):
        chance_N = expit(difference_NK @ slope_K + offset_N)
        gradient_K = difference_NK.T @ (weight_N * (1 - chance_N)) - precision_K * (slope_K - centre_K)
        curvature_KK = (difference_NK.T * (weight_N * chance_N * (1 - chance_N))) @ difference_NK + np.diag(precision_K)
        step_K = np.linalg.solve(curvature_KK, gradient_K)
        slope_K = slope_K + step_K / max(1.0, float(np.abs(step_K).max()) / 5)
        if np.abs(step_K).max() < CLOSE:
            break
    return slope_K, np.asarray(np.linalg.inv(curvature_KK), dtype=np.float64)
