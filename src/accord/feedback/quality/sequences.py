"""Answers in the order in which they were given: who repeats themselves, and what changes along a session."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from accord.stats import Estimate
from accord.stats.clusters import Units
from accord.stats.means import t_interval

__all__ = ["LEAST_STEPS", "drift", "late_half", "repetition"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
LEAST_STEPS = 10  # from one answer to the next; of fewer no normal approximation holds


def repetition(asked_N: Codes, meaning_N: Codes, *, level: float = 0.95) -> Estimate | None:
    """How much oftener an answer is that before it than the same answers in a random order would have it.

    Steps are from one answer to the next that was asked in the same form (`asked_N`; -1 is no answer). The number of
    runs of n answers of which c_k say k has, in a random order, the mean n + 1 - sum c^2 / n and the variance
    (S (S + n (n + 1)) - 2 n sum c^3 - n^3) / (n^2 (n - 1)), S = sum c^2 (Barton & David 1957). The interval is the
    share seen less its mean, with the spread of random orders; who always answers the same has no order to look at.

    None for fewer than ten steps, or where all answers of each form are equal.
    """
    steps = same = expected = variance = 0.0
    for form in np.unique(asked_N[asked_N >= 0]):
        answer_M = meaning_N[asked_N == form]
        count_K = np.unique(answer_M, return_counts=True)[1].astype(np.float64)
        n = float(answer_M.size)
        if n < 2 or count_K.size < 2:
            continue
        squares, cubes = float((count_K**2).sum()), float((count_K**3).sum())
        steps += n - 1
        same += float((answer_M[1:] == answer_M[:-1]).sum())
        expected += squares / n - 1
        variance += (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
    if steps < LEAST_STEPS or variance <= 0:
        return None
    value = (same - expected) / steps
    reach = (float(norm.ppf((1 + level) / 2)) * math.sqrt(variance) + 0.5) / steps
    method = f"runs test; {same:.0f} of {steps:.0f} answers were the one before, {expected:.1f} by chance"
    return Estimate(value, value - reach, value + reach, int(steps), level=level, method=method)


def late_half(session_N: Codes, position_N: Floats) -> Floats:
    """1 for an answer in the second half of its session, 0 in the first; NaN where no place was recorded.

    NaN as well in sessions of fewer than four answers. Halves are by what was answered: of five the middle one is in
    neither.
    """
    late_N = np.full(session_N.size, np.nan)
    known_M = np.flatnonzero(np.isfinite(position_N))
    order_M = known_M[np.lexsort((position_N[known_M], session_N[known_M]))]
    _, start_S, count_S = np.unique(session_N[order_M], return_index=True, return_counts=True)
    rank_M = np.arange(order_M.size) - np.repeat(start_S, count_S)
    size_M = np.repeat(count_S, count_S)
    middle_M = 2 * rank_M - (size_M - 1)
    late_N[order_M] = np.where((size_M < 4) | (middle_M == 0), np.nan, middle_M > 0)
    return late_N


def drift(value_N: Floats, late_N: Floats, clusters_N: Codes | None = None) -> Estimate | None:
    """The mean in the second halves of sessions less that in the first, by Student's t; NaN is left out.

    Clusters are whatever is sampled (people, where there are several); left out, each answer is one. None where a half
    has fewer than two answers.
    """
    known_N = np.isfinite(value_N) & np.isfinite(late_N)
    value_M, late_M = value_N[known_N], late_N[known_N]
    count_2 = np.array([(late_M == side).sum() for side in (0, 1)])
    if count_2.min() < 2:
        return None
    mean_2 = np.array([value_M[late_M == side].mean() for side in (0, 1)])
    side_M = late_M.astype(np.intp)
    influence_M = (2 * side_M - 1) * (value_M - mean_2[side_M]) / count_2[side_M]
    clusters = None if clusters_N is None else clusters_N[known_N].tolist()
    units = Units.of(value_M.size, clusters)
    spread = units.spread(influence_M, 1 / (2 * count_2[side_M]))
    value = float(mean_2[1] - mean_2[0])
    low, high = (None, None) if spread is None else t_interval(value, spread, 0.95)
    method = "t of the difference of both halves of sessions"
    return Estimate(value, low, high, value_M.size, None if clusters is None else units.fewest, method=method)
