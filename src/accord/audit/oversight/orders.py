"""P-values by the random orders of a person's own answers: exact, with no normal theory."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["arrangements", "p_of_order"]

Codes = NDArray[np.intp]
ROUGH, FINE, NEAR = 200, 4000, 0.05


def arrangements(kind_N: Codes, count: int, random: np.random.Generator) -> Codes:
    """`count` orders of N answers drawn at random, [B, N]: each answer changes places with those of its kind alone."""
    order_N = np.argsort(kind_N, kind="stable")
    drawn_BN = np.argsort(kind_N[order_N] + random.random((count, kind_N.size)), axis=1)
    arranged_BN = np.empty((count, kind_N.size), dtype=np.intp)
    arranged_BN[:, order_N] = order_N[drawn_BN]
    return arranged_BN


def p_of_order(statistic: Callable[[Codes], NDArray[np.float64]], kind_N: Codes, random: np.random.Generator) -> float:
    """The share of orders in which the statistic is as great as in the order there is.

    `statistic` is handed orders [B, N] (places of answers) and returns [B]. A first 200 orders are enough where the
    p-value is above a twentieth; else there are 4,000 more, so that many people can be judged at once.
    """
    there = float(statistic(np.arange(kind_N.size)[None])[0])
    reached, drawn = 0, 0
    for count in (ROUGH, FINE):
        reached += int((statistic(arrangements(kind_N, count, random)) >= there - 1e-9).sum())
        drawn += count
        if reached > NEAR * drawn:
            break
    return (1 + reached) / (1 + drawn)
