"""The KL of best of n to what it draws from, where texts may score alike."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["kl_of_best"]

Floats = NDArray[np.float64]


def kl_of_best(score_A: Floats, n: int, share_A: Floats | None = None) -> float:
    """KL of the best of n by score to its source, nats, ties being broken by lot; `share_A` is how often a text comes.

    Texts of one score are chosen with probability F^n - (F - p)^n, in the proportions in which they come. Where no
    score comes twice that is log n - (n - 1) / n in the limit (`policy.best_of_n.best_of_kl`), and below it always
    (Beirami et al. 2024, arXiv 2401.01879). Texts are as likely as one another where `share_A` is unset.
    """
    _, kind_A = np.unique(score_A, return_inverse=True)
    p_K = np.bincount(kind_A, share_A) / (len(score_A) if share_A is None else share_A.sum())
    upto_K = np.minimum(np.cumsum(p_K), 1.0)
    chosen_K = upto_K**n - np.maximum(upto_K - p_K, 0.0) ** n
    some_K = (chosen_K > 0) & (p_K > 0)
    return float(chosen_K[some_K] @ np.log(chosen_K[some_K] / p_K[some_K]))
