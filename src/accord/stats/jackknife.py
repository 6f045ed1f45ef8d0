"""Any statistic with a t interval: what it becomes when a cluster is left out."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.stats.clusters import Floats, Units
from accord.stats.estimate import Estimate

with deferred():
    from accord.stats.means import t_interval

__all__ = ["jackknife"]

GROUPS = 200  # of clusters that are left out together where there are more


def jackknife(
    statistic: Callable[[NDArray[np.intp]], float],
    n: int,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """A smooth statistic of the rows `0..n-1`, with the interval of the delete-one-cluster jackknife (Quenouille 1956).

    `statistic` is handed row indices, in order, and returns a float; it is worked out once for every cluster, or group
    of clusters where there are more than 200 (Kott 2001). The interval is that of `mean`, over what each cluster adds.
    There is none where the statistic is undefined (NaN) without one of them. For quantiles use `median`.

    Raises ValueError for no observations.
    """
    if n <= 0:
        raise ValueError("no observations, so no statistic")
    units = Units.of(n, clusters)
    everything_N = np.arange(n)
    centre = float(statistic(everything_N))
    group_N, groups = _groups(units)
    low = high = None
    if groups > 1:
        without_G = np.array([float(statistic(everything_N[group_N != group])) for group in range(groups)])
        if np.isfinite(without_G).all() and np.isfinite(centre):
            low, high = _interval(centre, without_G, np.bincount(group_N) / n, level)
    if groups < 2:
        method = "no interval of a single cluster"
    else:
        method = "undefined without one of the clusters" if low is None else "jackknife t over clusters"
    return Estimate(centre, low, high, n, None if clusters is None else units.fewest, level, method)


def _groups(units: Units) -> tuple[NDArray[np.intp], int]:
    """The group of each row: its cluster, or the clusters dealt out in an order that is shuffled once and for all."""
    (code_N,), (count,) = units.codes, units.counts
    if count <= GROUPS:
        return code_N, count
    order_C = np.random.default_rng(0).permutation(count)
    return (order_C % GROUPS)[code_N], GROUPS


def _interval(centre: float, without_G: Floats, share_G: Floats, level: float) -> tuple[float, float]:
    """What each group adds is (1 - p) / p times what the statistic loses without it, times p: (1 - p) x loss."""
    influence_G = (1 - share_G) * (centre - without_G)
    spread = Units.of(share_G.size, None).spread(influence_G - share_G * influence_G.sum(), share_G)
    assert spread is not None
    return t_interval(centre, spread, level)
