"""The rank of one string among others, as few of them drawn as tell it (Besag & Clifford 1991)."""

from collections.abc import Iterable

__all__ = ["ENOUGH", "sequential_rank"]

ENOUGH = 20
"""Others at least as likely, after which no more are drawn: the string is not exposed, and its rank is known well."""


def sequential_rank(as_likely: Iterable[bool], enough: int = ENOUGH) -> tuple[int, int]:
    """The rank of a string and among how many, from whether each of the others, in random order, is at least as likely.

    Where `enough` others are, drawing ends at the last of them, the l-th draw, and the rank is `enough` among l. Where
    the others run out first, it is one more than those that are, among all and itself. If the string was drawn as the
    others were, P(rank / among <= u) <= u for every u, exactly: sequential Monte Carlo p-values are valid.
    """
    seen = number = 0
    for number, one in enumerate(as_likely, 1):
        seen += one
        if seen == enough:
            return enough, number
    return seen + 1, number + 1
