"""Every number with its interval and its n.

Intervals are percentile bootstraps over clusters (the unit that was sampled: a batch, a rater, a prompt), Wilson
intervals for plain proportions. All are deterministic given a seed.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as scipy_stats

__all__ = ["Estimate", "bootstrap", "expected_calibration_error", "mean", "proportion"]

Floats = NDArray[np.float64]
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the number of observations behind it.

    `n` counts observations, `clusters` the independent units among them (None: every observation is one).
    `low` and `high` are None where no interval can be had, as with a single cluster; `value` never is.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int | None = None
    level: float = 0.95
    method: str = ""

    def __str__(self) -> str:
        interval = "no interval" if self.low is None or self.high is None else f"{self.low:.3f}, {self.high:.3f}"
        units = "" if self.clusters is None else f" in {self.clusters} clusters"
        return f"{self.value:.3f} [{interval}], n={self.n}{units}"

    def to_json(self) -> dict[str, Any]:
        """As written in JSON artefacts."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "clusters": self.clusters,
            "level": self.level,
            "method": self.method,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Estimate":
        """The inverse of `to_json`."""
        return cls(**content)


def proportion(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """A plain proportion with its Wilson interval (Wilson 1927). Raises ValueError for n = 0."""
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is not a proportion")
    interval = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n, level=level, method="Wilson")


def mean(
    values: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """A (weighted) mean with a percentile interval from resampling whole clusters.

    values [N], clusters N hashable labels, weights [N]. A ratio of cluster sums is resampled, so clusters of
    unequal size are handled exactly as in the point estimate.
    """
    value_N = np.asarray(values, dtype=np.float64)
    weight_N = np.ones_like(value_N) if weights is None else np.asarray(weights, dtype=np.float64)
    if value_N.size == 0:
        raise ValueError("no observations, so no mean")
    code_N, count = _codes(clusters, value_N.size)
    top_C = np.bincount(code_N, weight_N * value_N, count)
    bottom_C = np.bincount(code_N, weight_N, count)
    centre = float(top_C.sum() / bottom_C.sum())
    low = high = None
    if count > 1:
        draws_RC = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
        bottoms_R = draws_RC @ bottom_C
        means_R = (draws_RC @ top_C)[bottoms_R > 0] / bottoms_R[bottoms_R > 0]
        low, high = _percentiles(means_R, level)
    return Estimate(
        centre, low, high, int(value_N.size), None if clusters is None else count, level, "cluster bootstrap"
    )


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float],
    n: int,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 1000,
    centred: bool = False,
) -> Estimate:
    """Any statistic of the rows `0..n-1`, with a percentile interval from resampling whole clusters of rows.

    `statistic` is handed row indices (with repetition) and returns a float; NaN resamples are left out, and where
    more than a tenth are NaN there is no interval. `centred` moves the draws so that their mean is the value itself:
    for statistics, such as an absolute gap, that are larger on every resample than on the sample.
    """
    if n <= 0:
        raise ValueError("no observations, so no statistic")
    code_N, count = _codes(clusters, n)
    order_N = np.argsort(code_N, kind="stable")
    members = np.split(order_N, np.cumsum(np.bincount(code_N, minlength=count))[:-1])
    centre = float(statistic(np.arange(n)))
    low = high = None
    if count > 1:
        random = np.random.default_rng(seed)
        draws = [
            statistic(np.concatenate([members[c] for c in random.integers(0, count, count)])) for _ in range(resamples)
        ]
        finite = np.asarray([draw for draw in draws if np.isfinite(draw)])
        if finite.size >= 0.9 * resamples:
            low, high = _percentiles(finite - (finite.mean() - centre) * centred, level)
    return Estimate(centre, low, high, n, None if clusters is None else count, level, "cluster bootstrap")


def expected_calibration_error(probability_N: Floats, outcome_N: Floats, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass: sum of |mean p - mean y| weighted by bin size.

    probability_N in 0..1, outcome_N in 0..1 (a tie is one half). Source: Naeini et al. 2015, with quantile bins.
    """
    order = np.argsort(probability_N, kind="stable")
    groups = [part for part in np.array_split(order, min(bins, order.size)) if part.size]
    gaps = [part.size * abs(probability_N[part].mean() - outcome_N[part].mean()) for part in groups]
    return float(np.sum(gaps) / order.size)


def _codes(clusters: Sequence[Hashable] | None, n: int) -> tuple[NDArray[np.intp], int]:
    if clusters is None:
        return np.arange(n), n
    if len(clusters) != n:
        raise ValueError(f"{n} observations but {len(clusters)} cluster labels")
    names: dict[Hashable, int] = {}
    codes = np.fromiter((names.setdefault(label, len(names)) for label in clusters), np.intp, n)
    return codes, len(names)


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
