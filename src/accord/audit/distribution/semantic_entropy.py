"""The entropy over classes of answers, of as many answers on both sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.special import gammaln

__all__ = ["expected_entropy"]

Floats = NDArray[np.float64]


def expected_entropy(counts: Sequence[int], size: int) -> float:
    """Expected entropy -sum p log p, in nats, over the classes of `size` answers that are drawn without replacement.

    `counts` are the answers in each class. The entropy of a sample falls short of that of what it was drawn from, by
    more the fewer it has; drawn down to one size, two samples fall short alike. By class and by number k of the drawn,
    hypergeometric (as Hurlbert 1971 does for the number of kinds). With `size` all of them it is the plain entropy,
    which Kuhn et al. 2023 (arXiv 2302.09664), eq. 4, take over meanings; exp of it is the
    number of equally likely answers that have as much.

    Raises ValueError where a size is not between 1 and the number of answers.
    """
    count_C1 = np.array([count for count in counts if count], dtype=np.float64)[:, None]
    total = float(count_C1.sum())
    if not 1 <= size <= total:
        raise ValueError(f"{size} answers drawn of {total:g}")
    drawn_K = np.arange(1, size + 1, dtype=np.float64)
    possible_CK = (drawn_K <= count_C1) & (size - drawn_K <= total - count_C1)
    ways_CK = _log_choose(count_C1, drawn_K) + _log_choose(total - count_C1, size - drawn_K)
    chance_CK = np.where(possible_CK, np.exp(ways_CK - _log_choose(np.array(total), np.array(float(size)))), 0.0)
    share_K = drawn_K / size
    return max(0.0, float(chance_CK.sum(0) @ (-share_K * np.log(share_K))))


def _log_choose(of: Floats, chosen: Floats) -> Floats:
    """log C(of, chosen); -inf where that is none."""
    inside = (chosen >= 0) & (chosen <= of)
    taken = np.where(inside, chosen, 0.0)
    return np.asarray(
        np.where(inside, gammaln(of + 1) - gammaln(taken + 1) - gammaln(np.maximum(of - taken, 0) + 1), -np.inf)
    )
