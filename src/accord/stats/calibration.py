"""How far probabilities are from what happens: the expected calibration error, less what chance adds to it."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from accord.stats.clusters import Codes, Floats, Units
from accord.stats.estimate import Estimate

__all__ = ["calibration_error", "expected_calibration_error"]

DRAWS = 2000
LEAST = 25
METHOD = "test inversion over bins; at 0 it holds more often"


def expected_calibration_error(probability_N: Floats, outcome_N: Floats, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass: sum of |mean p - mean y| weighted by bin size.

    probability_N in 0..1, outcome_N in 0..1 (a tie is one half). Chance alone makes it positive: its estimate is
    `calibration_error`. Source: Naeini et al. 2015, with quantile bins.
    """
    gap_K, share_K, _ = _gaps(probability_N, outcome_N, bins)
    return float(share_K @ np.abs(gap_K))


def calibration_error(
    probability_N: Floats,
    outcome_N: Floats,
    clusters: Sequence[Hashable] | None = None,
    *,
    crossed: Sequence[Hashable] | None = None,
    bins: int = 15,
    level: float = 0.95,
) -> Estimate:
    """The expected calibration error without what chance adds, and its interval, which holds 0 where nothing is wrong.

    The error seen is a sum of absolute gaps, so it is positive whatever the truth. Gaps are taken to be theta times a
    pattern plus normal noise with the covariance of the clusters (`clusters.Units`); the interval holds each theta for
    which the error seen is neither too large nor too small (test inversion). The pattern is that seen for the lower
    end, to which chance adds most, and an even one for the upper, to which it adds least; the value lies in the middle
    of the two for which the error seen is the median. Above, the probability is divided by that at theta = 0 (Read
    2002), so that luck gives no empty interval. At an error of 0 only one end can miss. Bins hold 25 observations,
    or half of them where there are fewer than 50.

    Raises ValueError for no observations.
    """
    if probability_N.size == 0:
        raise ValueError("no observations, so no calibration error")
    units = Units.of(probability_N.size, clusters, crossed)
    counted = None if clusters is None else units.fewest
    gap_K, share_K, bin_N = _gaps(probability_N, outcome_N, _bins(probability_N.size, bins))
    observed = float(share_K @ np.abs(gap_K))
    if units.fewest < 2 or observed == 0:
        low = high = None if units.fewest < 2 else 0.0
        method = "no interval of a single cluster" if units.fewest < 2 else METHOD
        return Estimate(observed, low, high, probability_N.size, counted, level, method)
    noise_RK = _noise(probability_N, outcome_N, bin_N, units)

    seen_as, flat = gap_K / observed, np.sign(gap_K)

    def smaller(theta: float, pattern_K: Floats) -> float:
        """The probability of an error no larger than was seen, if the truth is theta."""
        return float(np.mean(np.abs(theta * pattern_K + noise_RK) @ share_K <= observed))

    tail = (1 - level) / 2
    by_luck = smaller(0.0, flat)
    low = _last(lambda theta: smaller(theta, seen_as) > 1 - tail, observed)
    high = _last(lambda theta: smaller(theta, flat) > tail * by_luck, observed)
    by_seen, by_flat = (
        _last(lambda theta: smaller(theta, seen_as) > 0.5, observed),
        _last(lambda theta: smaller(theta, flat) > 0.5, observed),
    )
    return Estimate((by_seen + by_flat) / 2, low, high, probability_N.size, counted, level, METHOD)


def _bins(n: int, most: int) -> int:
    """One for every 25 observations; two of ten or more, since in a single one errors of both signs cancel."""
    return max(min(most, n // LEAST), 2 if n >= 10 else 1)


def _gaps(probability_N: Floats, outcome_N: Floats, bins: int) -> tuple[Floats, Floats, Codes]:
    """By bin of equal mass: mean p - mean y, and its share of all; and the bin of each observation."""
    n = probability_N.size
    order = np.argsort(probability_N, kind="stable")
    count = min(bins, n)
    size_K = np.full(count, n // count) + (np.arange(count) < n % count)
    bin_N = np.empty(n, dtype=np.intp)
    bin_N[order] = np.repeat(np.arange(count), size_K)
    return np.bincount(bin_N, probability_N - outcome_N, count) / size_K, size_K / n, bin_N


def _noise(probability_N: Floats, outcome_N: Floats, bin_N: Codes, units: Units) -> Floats:
    """Draws of the gaps' errors [R, K]: normal with the clusters' covariance, wider by what is not known of it.

    A bin whose outcomes are all alike does not show how far they vary; they then vary as if one more of each kind had
    been seen (Laplace).
    """
    size_K = np.bincount(bin_N)
    gap_N, happened_N = probability_N - outcome_N, (np.bincount(bin_N, outcome_N) / size_K)[bin_N]
    scale_K = np.sqrt(size_K / np.maximum(size_K - 1, 1)) / size_K
    influence_NK = np.zeros((gap_N.size, size_K.size))
    mean_gap_K = np.bincount(bin_N, gap_N) / size_K
    influence_NK[np.arange(gap_N.size), bin_N] = (gap_N - mean_gap_K[bin_N]) * scale_K[bin_N]
    covariance_KK, df = units.covariance(influence_NK)
    alike_K = np.bincount(bin_N, np.abs(outcome_N - happened_N)) == 0
    chance_K = (size_K + 1) / (size_K + 2) ** 2 / size_K
    covariance_KK += np.diag(np.where(alike_K, chance_K, 0.0))
    value_K, vector_KK = np.linalg.eigh(covariance_KK)
    random = np.random.default_rng(0)
    standard_RK = random.standard_normal((DRAWS, size_K.size)) * np.sqrt(np.maximum(value_K, 0))
    noise_RK: Floats = standard_RK @ vector_KK.T * np.sqrt(df / random.chisquare(df, (DRAWS, 1)))
    return noise_RK


def _last(holds: Callable[[float], bool], scale: float) -> float:
    """The largest theta for which this holds, which it does up to there; 0 where it never does."""
    if not holds(0.0):
        return 0.0
    low, high = 0.0, scale
    while holds(high):
        low, high = high, 2 * high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
