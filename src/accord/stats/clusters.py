"""Independent units: what is one, and how far a sum over them moves.

A statistic is handled by what each observation contributes to its error (its influence, Huber 1981). Contributions are
added up within a cluster; clusters are independent of one another, or of two crossed kinds (people and texts), and the
variance of the whole follows from their squares:

    one way    V = sum over clusters of u^2 / (1 - p)           CR2 (Bell & McCaffrey 2002), p the cluster's share
    two ways   V = V_people + V_texts - V_both                  Cameron, Gelbach & Miller 2011

with as many degrees of freedom as V has under a working model (Bell & McCaffrey 2002; Imbens & Kolesar 2016;
Satterthwaite 1946 where two are added). Memory is that of the observations: nothing is resampled.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes", "Floats", "Spread", "Units"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
LEAST = 1e-200  # a variance whose powers are still numbers


@dataclass(frozen=True)
class Spread:
    """How far a statistic moves: its variance, the variance's degrees of freedom, and the statistic's skewness."""

    variance: float
    df: float
    skewness: float


@dataclass(frozen=True)
class Units:
    """The clusters of N observations: one partition of them, or two that cross and third the cells of both.

    `counts` holds the number of clusters of each. A partition that lies within another tells nothing beside it, and
    one that holds a single cluster tells nothing at all; both are left out. `only_crossed`: the second is what is left.
    """

    codes: tuple[Codes, ...]
    counts: tuple[int, ...]
    only_crossed: bool = False

    @classmethod
    def of(cls, n: int, clusters: Sequence[Hashable] | None, crossed: Sequence[Hashable] | None = None) -> "Units":
        """From labels, one an observation; None: every observation is a cluster of its own."""
        first, first_count = (np.arange(n), n) if clusters is None else _codes(clusters, n)
        if crossed is None:
            return cls((first,), (first_count,))
        second, second_count = _codes(crossed, n)
        cells, cell_of_N = np.unique(first * second_count + second, return_inverse=True)
        if second_count == 1 or (first_count > 1 and cells.size == second_count):
            return cls((first,), (first_count,))
        if first_count == 1 or cells.size == first_count:
            return cls((second,), (second_count,), only_crossed=True)
        return cls((first, second, cell_of_N.astype(np.intp)), (first_count, second_count, int(cells.size)))

    @property
    def fewest(self) -> int:
        """The number of independent units: of two that cross, the smaller."""
        return min(self.counts)

    def spread(self, influence_N: Floats, share_N: Floats, crossed_influence_N: Floats | None = None) -> Spread | None:
        """The spread of a statistic whose error is the sum of `influence_N`; `share_N` are its weights, which sum to 1.

        Where an observation tells of several clusters of the first kind at once (two people who agree), `influence_N`
        is what each cluster adds and `crossed_influence_N` what each unit of the second kind does. None where there is
        a single cluster.
        """
        if self.fewest < 2:
            return None
        second_N = influence_N if crossed_influence_N is None else crossed_influence_N
        influences = (second_N,) if self.only_crossed else (influence_N, second_N, influence_N)
        ways = [
            _one_way(of_way_N, share_N, code_N, count)
            for of_way_N, code_N, count in zip(influences, self.codes, self.counts, strict=False)
        ]
        if len(ways) == 1:
            ((variance, third, df),) = ways
        else:
            (first, second, both), thirds, (first_df, second_df, _) = zip(*ways, strict=True)
            variance, third = max(first + second - both, first, second), thirds[0] + thirds[1] - thirds[2]
            error = first**2 / first_df + second**2 / second_df
            df = max(variance**2 / error, min(first_df, second_df)) if error > 0 else min(first_df, second_df)
        return Spread(variance, df, third / variance**1.5 if variance > LEAST else 0.0)

    def covariance(self, influence_NK: Floats) -> tuple[Floats, int]:
        """The covariance [K, K] of K statistics, and its degrees of freedom.

        Small samples are corrected by C / (C - 1); raises ValueError where there is a single cluster.
        """
        if self.fewest < 2:
            raise ValueError("a single cluster has no covariance")
        covariance_KK = np.zeros((influence_NK.shape[1],) * 2)
        for sign, code_N, count in zip((1, 1, -1), self.codes, self.counts, strict=False):
            sum_CK = np.zeros((count, influence_NK.shape[1]))
            np.add.at(sum_CK, code_N, influence_NK)
            covariance_KK += sign * count / (count - 1) * sum_CK.T @ sum_CK
        return covariance_KK, self.fewest - 1


def _one_way(influence_N: Floats, share_N: Floats, code_N: Codes, count: int) -> tuple[float, float, float]:
    """The variance by CR2, the third moment by the same contributions, and the degrees of freedom."""
    every_C = np.bincount(code_N, share_N, count)
    some_C = every_C > 0
    share_C: Floats = every_C[some_C].astype(np.float64)
    room_C = np.maximum(1 - share_C, 1e-12)
    error_C = np.bincount(code_N, influence_N, count)[some_C] / np.sqrt(room_C)
    df = min(_degrees_of_freedom(share_C, alike) for alike in (True, False))
    return float(error_C @ error_C), float((error_C**3).sum()), df


def _degrees_of_freedom(share_C: Floats, alike: bool) -> float:
    """Of the CR2 variance of a weighted mean of cluster means: (tr G)^2 / tr G^2, G the covariance of its parts.

    Cluster means have one variance (`alike`: clusters differ more than what is in them), or one that falls with the
    cluster's share (what is in them is independent). Where one cluster has all the weight it is 1, the least.
    """
    if share_C.size < 2:
        return 1.0
    variance_C = np.ones_like(share_C) if alike else 1 / share_C
    total = float((share_C**2 * variance_C).sum())
    scale_C = share_C**2 / np.maximum(1 - share_C, 1e-12)
    own_C = scale_C * (variance_C * (1 - 2 * share_C) + total)
    half_C = total / 2 - share_C * variance_C  # off the diagonal: G_cd = root of the scales x (half_c + half_d)
    zeroth, first, second = (float((scale_C * half_C**power).sum()) for power in (0, 1, 2))
    squares = 2 * second * zeroth + 2 * first**2 - float((scale_C**2 * 4 * half_C**2).sum()) + float((own_C**2).sum())
    return max(float(own_C.sum()) ** 2 / squares, 1.0)


def _codes(labels: Sequence[Hashable], n: int) -> tuple[Codes, int]:
    if len(labels) != n:
        raise ValueError(f"{n} observations but {len(labels)} cluster labels")
    names: dict[Hashable, int] = {}
    codes = np.fromiter((names.setdefault(label, len(names)) for label in labels), np.intp, n)
    return codes, len(names)
