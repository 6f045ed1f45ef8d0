"""Krippendorff's alpha: how far people agree beyond what chance gives, for values of three kinds of scale.

    alpha = 1 - D_o / D_e        Krippendorff 2018, chapter 12

D_o is the mean squared difference of two people's values of one unit, D_e that of any two values. The difference of
two values is 0 or 1 (nominal), their distance (interval), or how many of all values lie between them (ordinal), which
is the distance of their mid-ranks. Each value's part in both is a closed form of sums over its unit, so time and memory
grow with the values. Intervals follow from what each person and each text adds to log(1 - alpha).
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.stats import Estimate, Units
from accord.stats.means import t_interval

__all__ = ["Codes", "GroupAlpha", "Metric", "ReliabilityData", "alpha", "alpha_by_group", "relative_disagreement"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Metric = Literal["nominal", "ordinal", "interval"]
LEAST_ALPHA = -1.0  # that of two people who never agree


@dataclass(frozen=True)
class ReliabilityData:
    """N values that people gave to units: person_N gave unit_N the value value_N. Codes are places in any lists.

    text_N     the text that a unit is of: several units of one text are not independent
    weight_N   what a value counts, the same within a unit: characters of a stretch that was marked or not
    """

    unit_N: Codes
    person_N: Codes
    text_N: Codes
    value_N: Floats
    weight_N: Floats

    def take(self, keep_N: NDArray[np.intp] | NDArray[np.bool_]) -> "ReliabilityData":
        """The values at these places."""
        unit_N, person_N, text_N = (column[keep_N] for column in (self.unit_N, self.person_N, self.text_N))
        return ReliabilityData(unit_N, person_N, text_N, self.value_N[keep_N], self.weight_N[keep_N])

    def shared_rows(self) -> NDArray[np.intp]:
        """Where each person's first value of a unit stands, of the units to which at least two people gave one."""
        key_N = self.unit_N * (self.person_N.max(initial=0) + 1) + self.person_N
        first_M = np.sort(np.unique(key_N, return_index=True)[1])
        _, unit_M, count_U = np.unique(self.unit_N[first_M], return_inverse=True, return_counts=True)
        rows: NDArray[np.intp] = first_M[count_U[unit_M] > 1] if first_M.size else first_M
        return rows

    def shared(self) -> "ReliabilityData":
        """The values in `shared_rows`, their units numbered anew."""
        data = self.take(self.shared_rows())
        return replace(data, unit_N=np.unique(data.unit_N, return_inverse=True)[1].astype(np.int64))

    def mirrored(self, swapped_N: Floats) -> "ReliabilityData":
        """These values and once more `swapped_N` of units turned round, so that no side of a comparison is special."""
        return ReliabilityData(
            np.concatenate([self.unit_N, self.unit_N + self.unit_N.max(initial=0) + 1]),
            np.tile(self.person_N, 2),
            np.tile(self.text_N, 2),
            np.concatenate([self.value_N, swapped_N]),
            np.tile(self.weight_N, 2) / 2,
        )


@dataclass(frozen=True)
class GroupAlpha:
    """Alpha of two people of one group, of two people of different groups, and the first less the second.

    All are held against the same chance, D_e of everybody's values. `difference` above 0: groups see things
    differently, and what looks like noise between them is none.
    """

    within: Estimate
    between: Estimate
    difference: Estimate


def alpha(data: ReliabilityData, metric: Metric) -> Estimate | None:
    """Alpha over everybody; 1 is perfect agreement, 0 what chance gives.

    Of a person's values of one unit the first counts: nobody agrees with themselves. The interval is that of
    log(1 - alpha) by Student's t, people crossed with texts; the logarithm takes off most of its skewness. `n` counts
    the values of units that two people judged. None where there is no such unit, or all values are equal: nothing could
    have differed.
    """
    data = data.shared()
    parts = _Parts.of(data, metric)
    if parts is None:
        return None
    observed, expected = parts.observed, parts.expected
    units = Units.of(data.unit_N.size, data.person_N.tolist(), data.text_N.tolist())
    n = _count(data)
    if observed == 0:
        return Estimate(1.0, None, None, n, units.fewest, method="no interval: nobody ever disagreed")
    chance_N = 2 * data.weight_N * (parts.any_N - expected) / (parts.n * expected)
    pairs_N = data.weight_N * (parts.unit_N - observed) / (parts.n * observed)
    spread = units.spread(2 * pairs_N - chance_N, data.weight_N / parts.n, pairs_N - chance_N)
    value = 1 - observed / expected
    if spread is None:
        return Estimate(value, None, None, n, units.fewest, method="no interval of a single cluster")
    low, high = (
        1 - math.exp(end) for end in reversed(t_interval(math.log(1 - value), replace(spread, skewness=0.0), 0.95))
    )
    return Estimate(value, max(low, LEAST_ALPHA), high, n, units.fewest, method=_method(units, "log(1 - alpha)"))


def relative_disagreement(data: ReliabilityData, metric: Metric) -> tuple[NDArray[np.intp], Floats] | None:
    """How far each value lies from those of the others of its unit, in units of D_e: 0 as one, 1 as by chance.

    Its mean is 1 - alpha. The first array says of which rows of `data` the second one is. None as for `alpha`.
    """
    rows = data.shared_rows()
    parts = _Parts.of(data.shared(), metric)
    return None if parts is None else (rows, parts.unit_N / parts.expected)


def alpha_by_group(data: ReliabilityData, metric: Metric, group_P: Codes) -> GroupAlpha | None:
    """Alpha within and between groups of people; group_P is the group of each person, -1 where it is not known.

    None where nothing could have differed, or no unit has both two people of one group and two of different ones.
    """
    data = data.shared()
    data = data.take(group_P[data.person_N] >= 0).shared() if data.unit_N.size else data
    parts = _Parts.of(data, metric)
    if parts is None:
        return None
    _, inside_N = np.unique(np.stack([data.unit_N, group_P[data.person_N]]), axis=1, return_inverse=True)
    others_N = np.bincount(data.unit_N)[data.unit_N] - 1.0
    alike_N, squares_N = _to_others(inside_N.reshape(-1), parts.value_N, metric)
    within = data.weight_N * alike_N / others_N, data.weight_N * squares_N / others_N
    between = data.weight_N - within[0], data.weight_N * parts.unit_N - within[1]
    if within[0].sum() <= 0 or between[0].sum() <= 1e-12:
        return None
    units = Units.of(data.unit_N.size, data.person_N.tolist(), data.text_N.tolist())
    chance_N = 2 * data.weight_N * (parts.any_N - parts.expected) / (parts.n * parts.expected)

    def of_pairs(weight_N: Floats, squares_N: Floats) -> tuple[float, Floats]:
        """1 - D / D_e of some pairs; what each of their values adds to D / D_e, without its part in D_e."""
        observed = float(squares_N.sum() / weight_N.sum())
        return 1 - observed / parts.expected, (squares_N - observed * weight_N) / weight_N.sum() / parts.expected

    share_N = data.weight_N / parts.n

    def estimate(value: float, pairs_N: Floats, ratio: float, least: float) -> Estimate:
        """`ratio` is what D_e divides: it moves the other way."""
        spread = units.spread(2 * pairs_N - ratio * chance_N, share_N, pairs_N - ratio * chance_N)
        low, high = (None, None) if spread is None else t_interval(value, replace(spread, skewness=0.0), 0.95)
        low, high = (None, None) if low is None or high is None else (max(low, least), min(high, -least))
        return Estimate(value, low, high, _count(data), units.fewest, method=_method(units, "alpha"))

    (one, one_N), (two, two_N) = of_pairs(*within), of_pairs(*between)
    return GroupAlpha(
        estimate(one, -one_N, one - 1, -1.0),
        estimate(two, -two_N, two - 1, -1.0),
        estimate(one - two, two_N - one_N, one - two, -2.0),
    )


@dataclass(frozen=True)
class _Parts:
    """What each value adds: the mean squared difference from the others of its unit, and from all other values."""

    value_N: Floats
    unit_N: Floats
    any_N: Floats
    observed: float
    expected: float
    n: float

    @classmethod
    def of(cls, data: ReliabilityData, metric: Metric) -> "_Parts | None":
        """None where there are no values, or all are equal."""
        if not data.unit_N.size or data.value_N.min() == data.value_N.max():
            return None
        weight_N = data.weight_N
        value_N = _midranks(data.value_N, weight_N) if metric == "ordinal" else data.value_N
        others_N, squares_N = _to_others(data.unit_N, value_N, metric)
        n = float(weight_N.sum())
        rest = n - float(n / weight_N.size)  # as n - 1 is of values that count 1
        if metric == "nominal":
            _, code_N = np.unique(value_N, return_inverse=True)
            any_N = (n - np.bincount(code_N, weight_N)[code_N].astype(np.float64)) / rest
        else:
            value_N = value_N - value_N.mean()
            first, second = float(weight_N @ value_N), float(weight_N @ value_N**2)
            any_N = (n * value_N**2 - 2 * value_N * first + second) / rest
        unit_N = squares_N / others_N
        observed, expected = float(weight_N @ unit_N) / n, float(weight_N @ any_N) / n
        return cls(value_N, unit_N, any_N, observed, expected, n)


def _to_others(unit_N: NDArray[np.integer], value_N: Floats, metric: Metric) -> tuple[Floats, Floats]:
    """For each value how many others its unit has, and the sum of its squared differences from them."""
    count_N = np.bincount(unit_N)[unit_N].astype(np.float64)
    if metric == "nominal":
        _, code_N = np.unique(value_N, return_inverse=True)
        _, same_N, same_S = np.unique(np.stack([unit_N, code_N]), axis=1, return_inverse=True, return_counts=True)
        return count_N - 1, count_N - same_S[same_N.reshape(-1)]
    centred_N = value_N - (np.bincount(unit_N, value_N) / np.maximum(np.bincount(unit_N), 1))[unit_N]
    return count_N - 1, count_N * centred_N**2 + np.bincount(unit_N, centred_N**2)[unit_N]


def _midranks(value_N: Floats, weight_N: Floats) -> Floats:
    """How much of all values lies below each one, its own kind half: the ordinal metric is the distance of these."""
    _, code_N = np.unique(value_N, return_inverse=True)
    count_V = np.bincount(code_N, weight_N)
    midrank_N: Floats = (np.cumsum(count_V) - count_V / 2)[code_N]
    return midrank_N


def _count(data: ReliabilityData) -> int:
    """How many values; a person's stretches of one text, which weigh more than 1, count once."""
    if data.weight_N.max(initial=0) <= 1:
        return round(float(data.weight_N.sum()))  # half a value each way round
    return int(np.unique(data.text_N * (data.person_N.max(initial=0) + 1) + data.person_N).size)


def _method(units: Units, of: str) -> str:
    crossed = f", {units.counts[0]} people x {units.counts[1]} texts" if len(units.counts) > 1 else ""
    return f"t of {of} over clusters{crossed}"
