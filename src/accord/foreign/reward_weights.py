"""What a policy learnt from, where several rewards are added: their weights, from the means that steps logged.

A step logs the mean of each reward, m_k, and of the sum that is learnt from, b. With weights w that stay the same,
b = sum_k w_k m_k at every step. The weights are those that say so of all steps, and none where that is not exact or
does not tell them apart.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["weights_of"]

Floats = NDArray[np.float64]
EXACT = 1e-4  # of the largest mean; logs keep seven digits and more
WORST_CONDITION = 1e3
NOTHING = 1e-3  # of the largest effect of a reward: a weight so small is 0


def weights_of(means: Sequence[Mapping[str, float]], sums: Sequence[float]) -> dict[str, float] | None:
    """The weight of each reward; None where the log does not tell them.

    `means[s][name]` is the mean of a reward at step s, `sums[s]` that of what was learnt from. Every step has all.
    """
    names = list(means[0]) if means else []
    if not names:
        return None
    mean_SK = np.array([[of_step[name] for name in names] for of_step in means], dtype=np.float64)
    sum_S = np.asarray(sums, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is not exact
        weight_K = _solved(mean_SK, sum_S)
        if weight_K is None or not _is_exact(mean_SK, sum_S, weight_K):
            return None
    effect_K = np.abs(weight_K) * np.abs(mean_SK).max(0)
    kept_K = np.where(effect_K < NOTHING * effect_K.max(initial=0.0), 0.0, weight_K)
    return {name: round(float(weight), 6) for name, weight in zip(names, kept_K, strict=True)}


def _solved(mean_SK: Floats, sum_S: Floats) -> Floats | None:
    """Least squares; None where columns are too alike, or steps too few, to tell the weights apart."""
    size_K = np.abs(mean_SK).max(0)
    if not (size_K > 0).all():
        return None
    scaled_SK = mean_SK / size_K
    if len(scaled_SK) < scaled_SK.shape[1] or np.linalg.cond(scaled_SK) > WORST_CONDITION:
        return None
    solution_K, *_ = np.linalg.lstsq(scaled_SK, sum_S)
    weight_K: Floats = solution_K / size_K
    return weight_K


def _is_exact(mean_SK: Floats, sum_S: Floats, weight_K: Floats) -> bool:
    scale = max(float(np.abs(sum_S).max()), float((np.abs(mean_SK) @ np.abs(weight_K)).max()))
    return bool(np.abs(mean_SK @ weight_K - sum_S).max() <= EXACT * max(scale, 1e-12))
