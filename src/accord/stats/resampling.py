"""Sums over units drawn anew with replacement, of which no matrix of draws times units is held."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["resampled_sums"]

Floats = NDArray[np.float64]
AT_ONCE = 1_000_000  # counts of drawn units that are held


def resampled_sums(value_US: Floats, draws: int, random: np.random.Generator) -> Floats:
    """The sums of U units' values [U, S] over as many units drawn with replacement, so many times: [draws, S].

    Draws come some at a time, in the order in which one call would make them, so how many at a time changes nothing.
    """
    units = len(value_US)
    share_U = np.full(units, 1 / units)
    rows = max(1, AT_ONCE // units)
    sizes = [min(rows, draws - done) for done in range(0, draws, rows)]
    return np.concatenate([random.multinomial(units, share_U, size) @ value_US for size in sizes])
