"""Means, shares and quantiles with intervals that hold with few clusters, in skewed data and near 0 and 1."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from accord.deferred import deferred
from accord.stats.clusters import Floats, Spread, Units
from accord.stats.estimate import Estimate

with deferred():
    from scipy import special
    from scipy import stats as scipy_stats

__all__ = ["mean", "median", "proportion", "rate", "rate_of", "t_interval"]

FEW = 5  # events (or their absence) below which a share's interval holds more often than it says


def mean(
    values: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    crossed: Sequence[Hashable] | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """A (weighted) mean, or the ratio of two sums, with a t interval over clusters.

    values [N], clusters and `crossed` N hashable labels, weights [N]. The interval is Student's t with a variance
    and degrees of freedom for few clusters of any size (`clusters.Units`), its skewness removed by Hall's cubic
    (1992). Where all values are equal it has no width: there is nothing to go by. A mean of what lies between 0 and 1
    by its nature is a `rate`. Raises ValueError for no observations of a weight above 0.
    """
    value_N, share_N, units = _weighted(values, weights, clusters, crossed)
    centre = _centre(value_N, share_N)
    spread = units.spread(share_N * (value_N - centre), share_N)
    low, high = (None, None) if spread is None else t_interval(centre, spread, level)
    return Estimate(
        centre, low, high, int(value_N.size), _clusters(units, clusters), level, _method("t over clusters", units)
    )


def rate(
    values: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    crossed: Sequence[Hashable] | None = None,
    weights: ArrayLike | None = None,
    information: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """A (weighted) share, or a mean of values between 0 and 1, with an interval that stays between 0 and 1.

    The interval of Clopper & Pearson (1934) on the effective number of observations, which is that of a plain sample
    with the same variance (Korn & Graubard 1998): it holds near 0 and 1, where a mean's does not. Its ends are moved
    out to those of `mean` where these lie further. Values that are all equal tell nothing of how alike clusters are, so
    each counts as one. `information` is how many plain observations the values are worth at most; each one where it is
    left out. Of few counts (under five) the interval holds more often than `level`, and `method` says so.

    Raises ValueError for no observations, or values outside of 0..1.
    """
    value_N, share_N, units = _weighted(values, weights, clusters, crossed)
    if value_N.min() < 0 or value_N.max() > 1:
        raise ValueError("a rate is of values between 0 and 1")
    centre = min(max(_centre(value_N, share_N), 0.0), 1.0)
    spread = units.spread(share_N * (value_N - centre), share_N)
    most = float(1 / (share_N @ share_N)) if information is None else information
    estimate = rate_of(centre, spread, units, n=int(value_N.size), information=most, level=level)
    return replace(estimate, clusters=_clusters(units, clusters))


def rate_of(
    centre: float, spread: Spread | None, units: Units, *, n: int, information: float, level: float = 0.95
) -> Estimate:
    """The estimate of a share whose spread over clusters is known; as `rate` has it."""
    if spread is None:
        return Estimate(centre, None, None, n, units.fewest, level, _method("", units))
    effective = _effective_number(centre, spread, information, units.fewest, level)
    low, high = _clopper_pearson(centre * effective, effective, level)
    if spread.variance > 0:
        t_low, t_high = t_interval(centre, spread, level)
        low, high = max(min(low, t_low), 0.0), min(max(high, t_high), 1.0)
    few = "; few counts, so it holds more often" if min(centre, 1 - centre) * effective < FEW else ""
    method = _method(f"Clopper-Pearson on an effective n of {effective:.4g}", units) + few
    return Estimate(centre, low, high, n, units.fewest, level, method)


def proportion(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A plain proportion with its exact interval (Clopper & Pearson 1934), which holds at least as often as it says.

    Raises ValueError for n = 0.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is not a proportion")
    low, high = _clopper_pearson(successes, n, level)
    return Estimate(successes / n, low, high, n, level=level, method="Clopper-Pearson")


def median(values: ArrayLike, clusters: Sequence[Hashable] | None = None, *, level: float = 0.95) -> Estimate:
    """The median, with the interval between two order statistics, which needs no distribution.

    Between the k-th smallest and the k-th largest, with the largest k for which Binomial(n, 1/2) falls below k with
    probability (1 - level)/2 at most: of fewer than six values there is none at 95 %. Over clusters n is the effective
    number of observations for the share below the median (Woodruff 1952). Raises ValueError for no observations.
    """
    value_N, share_N, units = _weighted(values, None, clusters, None)
    centre = float(np.median(value_N))
    below_N = (value_N < centre) + 0.5 * (value_N == centre)
    n = float(value_N.size)
    if clusters is not None:
        spread = units.spread(share_N * (below_N - below_N.mean()), share_N)
        n = 1.0 if spread is None else _effective_number(0.5, spread, n, units.fewest, level)
    k = int(scipy_stats.binom.ppf((1 - level) / 2, int(n), 0.5))
    low = high = None
    if k > 0:
        ordered_N = np.sort(value_N)
        place = max(math.floor(k / int(n) * value_N.size), 1)
        low, high = float(ordered_N[place - 1]), float(ordered_N[-place])
    return Estimate(
        centre,
        low,
        high,
        int(value_N.size),
        _clusters(units, clusters),
        level,
        _method("order statistics" if low is not None else "no interval of so few observations", units),
    )


def t_interval(centre: float, spread: Spread, level: float) -> tuple[float, float]:
    """The interval of a statistic by Student's t, after Hall's cubic transformation (1992, JRSS B 54, p. 221).

    With T = (estimate - truth) / standard error and k the skewness of the estimate, g(T) = T + k T^2 / 3 + k^2 T^3 / 27
    + k / 6 has none to the first order, rises everywhere, and is inverted in closed form.
    """
    error = math.sqrt(spread.variance)
    quantile = float(scipy_stats.t.ppf((1 + level) / 2, spread.df))
    upper, lower = (_hall_inverse(end, spread.skewness) for end in (quantile, -quantile))
    return centre - error * upper, centre - error * lower


def _hall_inverse(end: float, skewness: float) -> float:
    if abs(skewness) < 1e-6:
        return end
    return 3 / skewness * (float(np.cbrt(1 + skewness * (end - skewness / 6))) - 1)


def _effective_number(centre: float, spread: Spread, most: float, clusters: int, level: float) -> float:
    """How many plain observations have this variance, less what is not known of it (Korn & Graubard 1998).

    At most `most`; of values that are all equal, one a cluster.
    """
    if spread.variance <= 0 or not 0 < centre < 1:
        return float(min(clusters, most))
    tail = (1 + level) / 2
    plain, clustered = (float(scipy_stats.t.ppf(tail, df)) for df in (max(most - 1, 1.0), spread.df))
    return min(centre * (1 - centre) / spread.variance * (plain / clustered) ** 2, most)


def _clopper_pearson(successes: float, n: float, level: float) -> tuple[float, float]:
    """Quantiles of the beta distributions that bound a binomial share; n and the successes need not be whole."""
    tail = (1 - level) / 2
    failures = n - successes
    low = float(special.betaincinv(successes, failures + 1, tail)) if successes > 0 else 0.0
    high = float(special.betaincinv(successes + 1, failures, 1 - tail)) if failures > 0 else 1.0
    return low, high


def _weighted(
    values: ArrayLike,
    weights: ArrayLike | None,
    clusters: Sequence[Hashable] | None,
    crossed: Sequence[Hashable] | None,
) -> tuple[Floats, Floats, Units]:
    """The values that have a weight, their weights as shares of the whole, and their independent units."""
    value_N = np.asarray(values, dtype=np.float64)
    weight_N = np.ones_like(value_N) if weights is None else np.asarray(weights, dtype=np.float64)
    units = Units.of(value_N.size, clusters, crossed)
    if (weight_N == 0).any():
        some_N = np.flatnonzero(weight_N).tolist()
        value_N, weight_N = value_N[some_N], weight_N[some_N]
        labels = [None if names is None else [names[index] for index in some_N] for names in (clusters, crossed)]
        units = Units.of(value_N.size, *labels)
    if value_N.size == 0:
        raise ValueError("no observations, so no mean")
    return value_N, weight_N / weight_N.sum(), units


def _centre(value_N: Floats, share_N: Floats) -> float:
    """The mean; of equal values exactly their value, so that they are seen to be alike."""
    return float(value_N[0] if value_N.min() == value_N.max() else share_N @ value_N)


def _clusters(units: Units, clusters: Sequence[Hashable] | None) -> int | None:
    return None if clusters is None else units.fewest


def _method(name: str, units: Units) -> str:
    if units.fewest < 2:
        return "no interval of a single cluster"
    return f"{name}, {units.counts[0]} x {units.counts[1]} crossed" if len(units.counts) > 1 else name
