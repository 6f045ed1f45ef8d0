"""A classifier two-sample test: are two sets of texts of one distribution? Pure functions of vectors and labels."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.sparse import csr_array
    from scipy.stats import rankdata

    from accord.stats import Estimate, mean

__all__ = ["classifier_area", "halves_of", "placements"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def classifier_area(
    vector_ND: csr_array, second_N: Bools, *, texts: Sequence[Hashable], units: Sequence[Hashable]
) -> Estimate:
    """The chance that a classifier ranks one of the second set above one of the first; half where both are alike.

    A logistic regression is fitted to each half of the texts and judged on the other (equal texts stand in one half, so
    that none is known from the other side). Its area under the curve is a mean of placements: of each of the second
    set, the share of the first below it, and the reverse; the variance is that of both sides (DeLong et al. 1988),
    clustered by `units`. Lopez-Paz & Oquab 2017 (arXiv 1610.06545, section 3). Raises ValueError where a set has fewer
    than two members in a half.
    """
    from sklearn.linear_model import LogisticRegression

    half_N = halves_of(texts, second_N)
    above_N = np.zeros(len(second_N))
    for train_N in (half_N, ~half_N):
        if min(np.bincount(second_N[half].astype(int), minlength=2).min() for half in (train_N, ~train_N)) < 2:
            raise ValueError("each set needs two texts in either half")
        model = LogisticRegression(C=10.0, solver="liblinear", class_weight="balanced")
        model.fit(vector_ND[train_N], second_N[train_N])
        above_N[~train_N] = placements(model.decision_function(vector_ND[~train_N]), second_N[~train_N])
    one, other = (
        mean(above_N[side_N], [units[place] for place in np.flatnonzero(side_N).tolist()])
        for side_N in (~second_N, second_N)
    )
    value, fewest = (one.value + other.value) / 2, min(one.clusters or 0, other.clusters or 0)
    method = "halves judged by one another's classifier, DeLong"
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value, None, None, len(second_N), fewest, method=method)
    below = float(np.hypot(one.value - one.low, other.value - other.low))
    above = float(np.hypot(one.high - one.value, other.high - other.value))
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), len(second_N), fewest, method=method)


def placements(score_N: Floats, second_N: Bools) -> Floats:
    """Of each of the second set the share of the first below it, of each of the first that of the second above it.

    Ties count half. The mean over either set is the area under the curve.
    """
    all_N = rankdata(score_N)
    own_N = np.where(second_N, 0.0, 0.0)
    for side_N in (second_N, ~second_N):
        own_N[side_N] = rankdata(score_N[side_N])
    other_N = np.where(second_N, np.count_nonzero(~second_N), np.count_nonzero(second_N))
    below_N = (all_N - own_N) / other_N
    return np.asarray(np.where(second_N, below_N, 1 - below_N))


def halves_of(texts: Sequence[Hashable], second_N: Bools) -> Bools:
    """Which texts are of the first half, [N]: by lot, as many of each set, equal texts together."""
    names: dict[Hashable, int] = {}
    code_N = np.array([names.setdefault(text, len(names)) for text in texts])
    kind_C = np.zeros(len(names), dtype=int)  # in the first set, in the second, in both
    for code, second in zip(code_N.tolist(), second_N.tolist(), strict=True):
        kind_C[code] |= 2 if second else 1
    random, half_C = np.random.default_rng(0), np.zeros(len(names), dtype=bool)
    for kind in (1, 2, 3):
        members = random.permutation(np.flatnonzero(kind_C == kind))
        half_C[members[: (len(members) + random.integers(2)) // 2]] = True
    return np.asarray(half_C[code_N])
