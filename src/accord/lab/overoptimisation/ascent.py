"""A policy improved step by step, with a KL term and without: where does it end?

Policies are normal, with a mean and a deviation for each number, so that E[score] and the KL are exact, and so is their
gradient. Every step is as long as the others (a gradient of length 1 times the learning rate), as with Adam.
"""

import numpy as np

from accord.lab.worlds import GaussWorld, Normal

__all__ = ["ascend"]

RATE = 0.05


def ascend(score: GaussWorld, beta: float, steps: int) -> list[Normal]:
    """Gradient ascent on E[score] - beta KL(pi || start) in means and log-deviations: all policies, the start first."""
    mean_D, log_std_D = np.zeros(len(score.weights)), np.zeros(len(score.weights))
    policies = [Normal(mean_D, np.exp(log_std_D))]
    for _ in range(steps):
        square_D = np.exp(2 * log_std_D)
        to_mean_D = score.weight_D - (score.curvature_D + beta) * mean_D
        to_log_std_D = beta - (score.curvature_D + beta) * square_D
        length = float(np.sqrt(to_mean_D @ to_mean_D + to_log_std_D @ to_log_std_D))
        if length > 0:
            mean_D, log_std_D = mean_D + RATE * to_mean_D / length, log_std_D + RATE * to_log_std_D / length
        policies.append(Normal(mean_D, np.exp(log_std_D)))
    return policies
