"""What a number of observations allows to say."""

from accord.artefacts import Measure
from accord.stats import Estimate

__all__ = ["LEAST", "measured", "precision", "too_few"]

LEAST = 6
"""Observations below which a share of 1 cannot be told from chance at 95 %: Clopper-Pearson of 5 of 5 is .478."""

HALF_WIDTH = 0.1  # half the width of an interval that says something


def too_few(estimate: Estimate) -> str | None:
    """In words that an estimate rests on too little to be stated, and what it would take; None where it does not."""
    if estimate.n >= LEAST:
        return None
    return f"too few: {estimate.n} of the {LEAST} that it takes at least"


def measured(name: str, estimate: Estimate | None, note: str | None = None) -> Measure:
    """A number of the card where there is enough for one; else what it would take, or why there is none (`note`)."""
    few = None if estimate is None else too_few(estimate)
    return Measure(name=name, estimate=None if few else estimate, note=few or note)


def precision(estimate: Estimate) -> str | None:
    """How many observations would tell a share to within .1, where these do not."""
    if estimate.low is None or estimate.high is None:
        return None
    half = (estimate.high - estimate.low) / 2
    if half <= HALF_WIDTH:
        return None
    return f"to know it to within {HALF_WIDTH:g} takes about {round(estimate.n * (half / HALF_WIDTH) ** 2):,}"
