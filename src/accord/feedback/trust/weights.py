"""What an evaluator's answers weigh in training.

Of an answer that is right with probability a, and wrong otherwise whatever the texts are, the likelihood of a linear
score near its truth has a signal of 2 a - 1 and a variance of a (1 - a). Among weights of answers, those with which the
sum of weighted gradients has the largest ratio of signal to deviation are proportional to (2 a - 1) / (a (1 - a))
(Cauchy & Schwarz); at a = 1/2 such an answer weighs nothing. Natarajan et al. (2013) correct the loss instead, which
leaves the answers of those who know nothing in the sum, with their variance.

Only careless evaluators are weighed down, and nobody up: a rate below the usual one that may be chance, or another
view, is no reason to count somebody's answers for less.
"""

from collections.abc import Mapping

import numpy as np

from accord.feedback.trust.standing import Standings

__all__ = ["LEAST_WEIGHT", "reliability_weight", "reliability_weights"]

LEAST_WEIGHT = 0.02  # a weight is positive


def reliability_weight(accuracy: float, usual: float) -> float:
    """What an answer that is right as often as `accuracy` weighs beside one of the usual accuracy: .02 to 1."""
    if usual <= 0.5:
        return 1.0
    return float(np.clip(_information(accuracy) / _information(usual), LEAST_WEIGHT, 1.0))


def reliability_weights(standings: Standings) -> Mapping[str, float]:
    """The weight of every evaluator of whom anything is known: 1, but for the careless."""
    return {
        name: reliability_weight(standings.accuracy[name].value, standings.usual[name])
        if standing == "careless"
        else 1.0
        for name, standing in standings.standing.items()
    }


def _information(accuracy: float) -> float:
    """Signal over variance; at most that of 999 right answers in 1,000."""
    a = min(max(accuracy, 0.001), 0.999)
    return (2 * a - 1) / (a * (1 - a))
