"""The difference of two shares of the same people and texts, also where nearly all or nearly none hold; of two samples.

Of two numbers that were estimated apart the interval follows from both (Zou & Donner 2008, Statistics in Medicine 27).
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accord.deferred import deferred
from accord.stats.clusters import Floats, Units
from accord.stats.estimate import Estimate

with deferred():
    from accord.stats.means import rate

__all__ = ["difference_of", "rate_difference"]

Bools = NDArray[np.bool_]


def rate_difference(
    values: ArrayLike,
    first: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    crossed: Sequence[Hashable] | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The (weighted) share of the observations in `first` less that of the others, from the ends of both.

    values [N] between 0 and 1, first [N] true in the first arm, clusters and `crossed` N labels, weights [N]. With
    d = p - q and (l, u) the interval of each, the low end is d - sqrt(a^2 + b^2 - 2 r a b) where a = p - l_p and
    b = u_q - q, and the high end likewise (Zou & Donner 2008); r is the correlation of the two shares, since the same
    people and texts are in both. Unlike a t interval it holds where nearly all values are alike.

    Raises ValueError where one of the arms has no observation of a weight above 0.
    """
    value_N, first_N = np.asarray(values, dtype=np.float64), np.asarray(first, dtype=np.bool_)
    weight_N = np.ones_like(value_N) if weights is None else np.asarray(weights, dtype=np.float64)
    arms = (first_N & (weight_N > 0), ~first_N & (weight_N > 0))
    one, other = (_share(value_N, weight_N, arm_N, clusters, crossed, level) for arm_N in arms)
    units = Units.of(value_N.size, clusters, crossed)
    d, n = one.value - other.value, int(arms[0].sum() + arms[1].sum())
    fewest = min(estimate.clusters or 0 for estimate in (one, other))
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(d, None, None, n, fewest, level, "no interval of a single cluster")
    r = _correlation(value_N, weight_N, arms, units)
    below = _joined(one.value - one.low, other.high - other.value, r)
    above = _joined(one.high - one.value, other.value - other.low, r)
    method = f"from the intervals of both rates, which correlate by {r:.2f}"
    return Estimate(d, max(d - below, -1.0), min(d + above, 1.0), n, fewest, level, method)


def difference_of(first: Estimate, second: Estimate, *, scale: float = 1.0) -> Estimate:
    """One number less another that was estimated from other observations, in units of `scale`.

    With (l, u) the interval of each, the low end is d - sqrt((first - l)^2 + (u_second - second)^2), and the high end
    likewise. No interval where one of the two has none. Clusters are the fewer of the two.
    """
    d, n = (first.value - second.value) / scale, first.n + second.n
    fewest = min(each.n if each.clusters is None else each.clusters for each in (first, second))
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Estimate(d, None, None, n, fewest, first.level, "no interval of a single cluster")
    below = _joined(first.value - first.low, second.high - second.value, 0.0) / scale
    above = _joined(first.high - first.value, second.value - second.low, 0.0) / scale
    return Estimate(d, d - below, d + above, n, fewest, first.level, "from the intervals of both")


def _share(
    value_N: Floats,
    weight_N: Floats,
    arm_N: Bools,
    clusters: Sequence[Hashable],
    crossed: Sequence[Hashable] | None,
    level: float,
) -> Estimate:
    places = np.flatnonzero(arm_N).tolist()
    if not places:
        raise ValueError("an arm without observations has no rate")
    first, second = ([names[place] for place in places] if names else None for names in (clusters, crossed))
    return rate(value_N[places], first, crossed=second, weights=weight_N[places], level=level)


def _joined(one: float, other: float, r: float) -> float:
    return math.sqrt(max(one**2 + other**2 - 2 * r * one * other, 0.0))


def _correlation(value_N: Floats, weight_N: Floats, arms: tuple[Bools, Bools], units: Units) -> float:
    """How far the two rates move together over people and texts; 0 where one of them does not move."""
    if units.fewest < 2:
        return 0.0
    influence_NK = np.stack([_influence(value_N, weight_N, arm_N) for arm_N in arms], axis=1)
    (one, both), (_, other) = units.covariance(influence_NK)[0].tolist()
    return float(np.clip(both / math.sqrt(one * other), -1.0, 1.0)) if one > 0 and other > 0 else 0.0


def _influence(value_N: Floats, weight_N: Floats, arm_N: Bools) -> Floats:
    """What each observation adds to the error of the share of its arm."""
    share_N = np.where(arm_N, weight_N, 0.0)
    share_N = share_N / share_N.sum()
    return np.asarray(share_N * (value_N - float(share_N @ value_N)))
