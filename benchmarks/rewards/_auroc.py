"""Area under the ROC curve, with intervals over clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["auroc", "auroc_table"]


def auroc(value_N: NDArray[np.float64], yes_N: NDArray[np.bool_]) -> float:
    """P(a value of a yes is above that of a no), equal values one half; NaN where either is missing."""
    yes, no = int(yes_N.sum()), int((~yes_N).sum())
    if not yes or not no:
        return float("nan")
    return float((rankdata(value_N)[yes_N].sum() - yes * (yes + 1) / 2) / (yes * no))


def auroc_table(
    values: Mapping[str, NDArray[np.float64]],
    yes_N: NDArray[np.bool_],
    clusters: Sequence[str],
    *,
    beside: str,
    draws: int = 1000,
) -> dict[str, Any]:
    """The area of each value and by how much it is above that of `beside`, with 95 % intervals over clusters."""
    names, cluster_N = np.unique(np.array(clusters), return_inverse=True)
    members = [np.flatnonzero(cluster_N == number) for number in range(len(names))]
    generator = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(draws):
        rows = np.concatenate([members[i] for i in generator.integers(len(members), size=len(members))])
        for name, value_N in values.items():
            drawn[name].append(auroc(value_N[rows], yes_N[rows]))
    table: dict[str, Any] = {"n": len(yes_N), "yes": int(yes_N.sum()), "clusters": len(names)}
    for name, value_N in values.items():
        less = np.array(drawn[name]) - np.array(drawn[beside])
        table[name] = {"auroc": round(auroc(value_N, yes_N), 3), "interval": _interval(drawn[name])}
        if name != beside:
            table[name][f"above_{beside}"] = _interval(less)
    return table


def _interval(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    return [round(float(each), 3) for each in np.nanquantile(np.array(values), [0.025, 0.975])]
