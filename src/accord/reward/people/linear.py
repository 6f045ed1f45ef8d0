"""Rewards linear in features, fitted to comparisons by Newton's method: an M-step without a language model."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit

from accord.reward.people.mixture import Array

__all__ = ["LinearComparisons"]


@dataclass(frozen=True)
class LinearComparisons:
    """The M-step of groups whose reward is w_k . x under Bradley and Terry, the prior of each w_k N(0, prior_sd^2 I).

    `feature_PD` are the features of the preferred one less those of the other. Parameters are `weight_KD`, [K, D].
    """

    feature_PD: Array
    prior_sd: float = 3.0

    def __call__(self, weight_OK: Array, start: Array | None) -> tuple[Array, Array]:
        """The MAP weights [K, D], and log sigmoid of each margin by each group, [P, K]."""
        width = self.feature_PD.shape[1]
        weight_KD = np.zeros((weight_OK.shape[1], width)) if start is None else start
        weight_KD = np.array([self._newton(w_P, w_D) for w_P, w_D in zip(weight_OK.T, weight_KD, strict=True)])
        return weight_KD, self.scaled(weight_KD, 1.0)

    def scaled(self, parameters: Array, factor: float) -> Array:
        """Log sigmoid of each margin by each group times a factor, [P, K]."""
        return np.asarray(log_expit(factor * (self.feature_PD @ parameters.T)))

    def _newton(self, weight_P: Array, at_D: Array) -> Array:
        value = self._objective(weight_P, at_D)
        for _ in range(50):
            miss_P = expit(-self.feature_PD @ at_D)
            slope_D = self.feature_PD.T @ (weight_P * miss_P) - at_D / self.prior_sd**2
            curve_DD = (self.feature_PD.T * (weight_P * miss_P * (1 - miss_P))) @ self.feature_PD
            step_D = np.linalg.solve(curve_DD + np.eye(len(at_D)) / self.prior_sd**2, slope_D)
            while (after := self._objective(weight_P, at_D + step_D)) < value - 1e-12:
                step_D = step_D / 2
            at_D, gain, value = at_D + step_D, after - value, after
            if gain < 1e-9:
                break
        return at_D

    def _objective(self, weight_P: Array, at_D: Array) -> float:
        return float(weight_P @ log_expit(self.feature_PD @ at_D) - at_D @ at_D / (2 * self.prior_sd**2))
