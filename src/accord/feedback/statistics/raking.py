"""Weights under which the answers have the shares of a target population, and what they cost.

Iterative proportional fitting (Deming & Stephan 1940): the weights are scaled to the shares of one attribute after
another until all of them hold. Only the margins are met, not the groups that attributes form together. What unequal
weights cost is a smaller sample: (sum w)^2 / sum w^2 answers of equal weight are worth as much (Kish 1965).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accord.errors import RecordError

__all__ = ["MET", "Raking", "Target", "check_target", "design_effect", "effective_size", "rake"]

Floats = NDArray[np.float64]
Target = Mapping[str, Mapping[str, float]]
"""By attribute, the share of each of its groups in the population; shares of one attribute sum to 1."""

ROUNDS = 1000
CLOSE = 1e-9  # of the shares
MET = 1e-6
"""Shares that differ from the target by less are met."""


@dataclass(frozen=True)
class Raking:
    """Weights of N rows with mean 1, the base weights included, and how near to the target they come.

    error       the largest difference of a weighted share from its target, after the last round
    rounds      how often all attributes were gone through
    missing     by attribute, groups of the target that no row is of: no weight can bring them back
    """

    weight_N: Floats
    error: float
    rounds: int
    missing: Mapping[str, tuple[str, ...]]

    @property
    def converged(self) -> bool:
        """Whether all shares are met. They cannot be where attributes exclude one another's groups in the sample."""
        return self.error < MET


def rake(groups: Mapping[str, Sequence[str | None]], target: Target, *, base: Sequence[float] | None = None) -> Raking:
    """Weights of rows by what is known of their evaluators.

    `groups` holds by attribute the group of each row [N]; None, or a group that the target does not name, means that
    this attribute says nothing of the row: its weight follows from its other attributes, and the shares of the target
    are those among the rows it says something of. Where a group of the target has no row, the rest keep their ratio. A
    group whose share is 0 gets the weight 0. `base` [N] is what each row weighs already (1 where unset): rows of the
    same groups keep their ratio, and the shares hold of the product.

    Raises `RecordError` where the target is no target (`check_target`), names an attribute that `groups` lacks, or
    leaves no row any weight.
    """
    check_target(target)
    for name in target:
        if name not in groups:
            raise RecordError(f"no row says its {name}; the attributes are {sorted(groups)}", place=f"target.{name}")
    codes = {name: _codes(groups[name], target[name]) for name in target}
    rows = len(next(iter(groups.values()), ()))
    base_N = np.ones(rows) if base is None else np.asarray(base, dtype=np.float64)
    cell_KA, cell_N = _cells(list(codes.values()), rows)
    share_AG = [_present(code_N, target[name]) for name, code_N in codes.items()]
    base_K = np.bincount(cell_N, base_N, len(cell_KA)).astype(np.float64)
    weight_K = base_K
    error, rounds = _error(weight_K, cell_KA, share_AG), 0
    while error > CLOSE and rounds < ROUNDS:
        for attribute, share_G in enumerate(share_AG):
            weight_K = weight_K * _factors(weight_K, cell_KA[:, attribute], share_G)
        error, rounds = _error(weight_K, cell_KA, share_AG), rounds + 1
    weight_N = base_N * np.divide(weight_K, base_K, out=np.zeros_like(base_K), where=base_K > 0)[cell_N]
    if rows and not weight_N.any():
        raise RecordError("every row is of a group whose share is 0; give one of them a share above 0", place="target")
    return Raking(weight_N / weight_N.mean() if rows else weight_N, error, rounds, _without_rows(codes, target))


def check_target(target: Target) -> None:
    """Raises `RecordError` where shares are no shares, or those of an attribute do not sum to 1."""
    for name, shares in target.items():
        for group, share in shares.items():
            if not 0 <= share <= 1:
                raise RecordError(f"{share!r} is no share; write one from 0 to 1", place=f"target.{name}.{group}")
        if abs((total := sum(shares.values())) - 1) > 1e-6:
            raise RecordError(f"the shares sum to {total:g}; make them sum to 1", place=f"target.{name}")


def effective_size(weights: ArrayLike) -> float:
    """How many observations of equal weight are worth as much: (sum w)^2 / sum w^2 (Kish 1965); 0 for no weight."""
    weight_N = np.asarray(weights, dtype=np.float64)
    return float(weight_N.sum() ** 2 / (weight_N @ weight_N)) if weight_N.any() else 0.0


def design_effect(weights: ArrayLike) -> float | None:
    """By which factor unequal weights make the variance of a mean larger: n / n_eff; None for no weight."""
    weight_N = np.asarray(weights, dtype=np.float64)
    return weight_N.size / effective_size(weight_N) if weight_N.any() else None


def _codes(groups: Sequence[str | None], shares: Mapping[str, float]) -> NDArray[np.int64]:
    """The place of each row's group in the target; -1 where the attribute says nothing."""
    place = {group: number for number, group in enumerate(shares)}
    return np.fromiter((place.get(group, -1) if group else -1 for group in groups), np.int64, len(groups))


def _without_rows(codes: Mapping[str, NDArray[np.int64]], target: Target) -> dict[str, tuple[str, ...]]:
    """By attribute, the groups of the target that have a share and no row."""
    groups = {
        name: tuple(
            group for place, group in enumerate(target[name]) if target[name][group] > 0 and place not in code_N
        )
        for name, code_N in codes.items()
    }
    return {name: absent for name, absent in groups.items() if absent}


def _cells(columns: list[NDArray[np.int64]], n: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The combinations of groups that occur [K, A], and which of them each row is of [N]."""
    if not columns or not n:
        return np.zeros((min(n, 1), len(columns)), np.int64), np.zeros(n, np.intp)
    cell_KA, cell_N = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    return cell_KA, cell_N.reshape(-1)


def _present(code_N: NDArray[np.int64], shares: Mapping[str, float]) -> Floats:
    """The target of the groups that have rows, which sums to 1; 0 for the others."""
    share_G = np.array(list(shares.values()), dtype=np.float64)
    return _normalised(np.where(np.isin(np.arange(share_G.size), code_N), share_G, 0.0))


def _shares(weight_K: Floats, code_K: NDArray[np.int64], groups: int) -> Floats:
    """The weighted shares of the groups among the cells of which the attribute says something."""
    known_K = code_K >= 0
    return _normalised(np.bincount(code_K[known_K], weight_K[known_K], groups).astype(np.float64))


def _normalised(share_G: Floats) -> Floats:
    total = share_G.sum()
    return share_G / total if total > 0 else share_G


def _factors(weight_K: Floats, code_K: NDArray[np.int64], share_G: Floats) -> Floats:
    """By what each cell is scaled so that one attribute's shares hold; the weight of its rows as a whole stays.

    A group that another attribute's share of 0 has left without weight leaves its share to the others.
    """
    now_G = _shares(weight_K, code_K, share_G.size)
    reachable_G = _normalised(np.where(now_G > 0, share_G, 0.0))
    factor_G = np.divide(reachable_G, now_G, out=np.zeros_like(share_G), where=now_G > 0)
    return np.where(code_K >= 0, factor_G[code_K], 1.0)


def _error(weight_K: Floats, cell_KA: NDArray[np.int64], share_AG: list[Floats]) -> float:
    errors = [
        float(np.abs(_shares(weight_K, cell_KA[:, a], share_G.size) - share_G).max(initial=0.0))
        for a, share_G in enumerate(share_AG)
    ]
    return max(errors, default=0.0)
