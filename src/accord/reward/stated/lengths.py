"""What a length is worth: pure functions of a number of tokens, words or characters.

    limits    -(share of the way from the end of the free room to the limit), 0 inside, -1 beyond the limit
    target    -|n - target| / target, and no less than -1 (in the manner of Aggarwal & Welleck 2025, arXiv 2503.04697)

An upper limit with `soft` of room is the soft punishment of what is too long in DAPO (Yu et al. 2025, arXiv 2503.14476,
equation 13) with L_max = at_most and L_cache = soft:

    0                              n <= at_most - soft
    ((at_most - soft) - n) / soft  at_most - soft < n <= at_most
    -1                             n > at_most
"""

__all__ = ["above", "below", "off_target", "words"]


def above(n: int, at_most: int, soft: int = 0) -> float:
    """What a length beyond a limit costs, from -1 to 0; `soft` below the limit it begins."""
    return -_share(n - (at_most - soft), soft)


def below(n: int, at_least: int, soft: int = 0) -> float:
    """What a length short of a limit costs, from -1 to 0; `soft` above the limit it begins."""
    return -_share(at_least + soft - n, soft)


def off_target(n: int, target: int) -> float:
    """What a length beside its target costs, from -1 to 0."""
    return -min(1.0, abs(n - target) / target)


def words(text: str) -> int:
    """Stretches of text between white space."""
    return len(text.split())


def _share(excess: int, soft: int) -> float:
    if excess <= 0:
        return 0.0
    return min(1.0, excess / soft) if soft else 1.0
