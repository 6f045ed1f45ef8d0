"""How often one of k answers is right, from more answers than k."""

from math import comb

__all__ = ["pass_at_k"]


def pass_at_k(answers: int, right: int, k: int) -> float:
    """The unbiased estimate 1 - C(n - c, k) / C(n, k) of a prompt with n answers, c of them right.

    Chen et al. 2021 (arXiv 2107.03374), eq. 1. Raises ValueError where k is not between 1 and n, or c not between 0 and
    n.
    """
    if not 1 <= k <= answers or not 0 <= right <= answers:
        raise ValueError(f"one of {k} of {answers} answers, {right} of them right")
    return 1 - comb(answers - right, k) / comb(answers, k)
