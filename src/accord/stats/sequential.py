"""A test that may be looked at after every answer: whether stated probabilities are right, by likelihood ratios.

Under the hypothesis that the k-th outcome has the probability p_k which was stated before it was seen, the product of
q_k / p_k, with any probabilities q_k that were settled before too, is a nonnegative martingale that begins at 1 (Wald
1945, doi 10.1214/aoms/1177731118), and so is a mean of several. By Ville's inequality it reaches 1 / level at any time
with a chance of `level` at most, however often it is looked at (Ramdas et al. 2023, arXiv 2210.01948).

The alternatives are the stated log-odds times a slope: half as sure, nothing known, half as sure of the opposite.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

__all__ = ["SLOPES", "e_value", "log_wealth"]

Floats = NDArray[np.float64]
SLOPES = (0.5, 0.0, -0.5)
SUREST = 6.0
"""Log-odds beyond which nothing is taken for stated: one outcome of a sure judge must not decide alone."""


def log_wealth(logodds_N: Iterable[float], outcome_N: Iterable[float]) -> Floats:
    """Of each alternative, the log likelihood ratio of N outcomes beside the stated log-odds, [3], nats.

    outcome_N is 1 where the first was preferred, 0 where the second. Ties are no outcome: leave them out. Raises
    `ValueError` where a number is not what it should be.
    """
    stated_N, happened_N = (np.asarray(list(each), dtype=np.float64) for each in (logodds_N, outcome_N))
    if stated_N.shape != happened_N.shape or not np.isin(happened_N, (0.0, 1.0)).all():
        raise ValueError("outcomes are 1 or 0, one for each of the log-odds")
    if np.isnan(stated_N).any():
        raise ValueError("log-odds that are no numbers")
    signed_N = np.clip(stated_N, -SUREST, SUREST) * np.where(happened_N == 1, 1.0, -1.0)
    wealth: Floats = np.array([float((log_expit(slope * signed_N) - log_expit(signed_N)).sum()) for slope in SLOPES])
    return wealth


def e_value(log_wealth_S: Iterable[float]) -> float:
    """The mean of the alternatives' likelihood ratios: evidence against what was stated, 1 where there is none."""
    wealth_S = np.asarray(list(log_wealth_S), dtype=np.float64)
    return float(np.exp(np.minimum(logsumexp(wealth_S) - np.log(len(wealth_S)), 700.0)))
