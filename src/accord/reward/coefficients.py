"""How much each component of a reward counts, fitted where people compared."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["fit_coefficients"]


def fit_coefficients(
    difference_PK: NDArray[np.float64], tie_P: NDArray[np.bool_], weight_P: NDArray[np.float64], *, prior_std: float
) -> NDArray[np.float64]:
    """The coefficients c of K components that make F(sum_k c_k difference_k) the likeliest for P preferences, [K].

    `difference_PK` is chosen less rejected; a tie is half a win each. The prior of each is normal about 0, so there is
    one maximum whatever the data are, which Newton's method finds.
    """
    target_P = np.where(tie_P, 0.5, 1.0)
    coefficient_K = np.zeros(difference_PK.shape[1])
    precision_KK = np.eye(len(coefficient_K)) / prior_std**2

    def objective(at_K: NDArray[np.float64]) -> float:
        logit_P = difference_PK @ at_K
        nll_P = target_P * np.logaddexp(0, -logit_P) + (1 - target_P) * np.logaddexp(0, logit_P)
        return float(weight_P @ nll_P + at_K @ precision_KK @ at_K / 2)

    for _ in range(100):
        share_P = expit(difference_PK @ coefficient_K)
        gradient_K = difference_PK.T @ (weight_P * (share_P - target_P)) + precision_KK @ coefficient_K
        curvature_P = weight_P * share_P * (1 - share_P)
        step_K = np.linalg.solve((difference_PK.T * curvature_P) @ difference_PK + precision_KK, gradient_K)
        size, now = 1.0, objective(coefficient_K)
        while objective(coefficient_K - size * step_K) > now and size > 1e-6:
            size /= 2
        coefficient_K = coefficient_K - size * step_K
        if np.abs(step_K).max() < 1e-9:
            break
    return coefficient_K
