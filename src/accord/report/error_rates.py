"""How often a check errs, in the words of the page: where nothing was wrong, and where its fault was planted."""

from collections.abc import Iterable
from functools import reduce

from accord.artefacts import Finding
from accord.audit.error_rates import Count, error_rates
from accord.report.words import series

__all__ = ["errors_of"]


def errors_of(finding: Finding) -> str:
    """What was measured of its check on planted runs; empty where nothing was.

    Runs of several worlds are added up.
    """
    rates = error_rates().get(finding.id)
    if rates is None:
        return ""
    parts = []
    if rates.healthy:
        healthy = _sum(rates.healthy.values())
        parts.append(f"fired in {_of(healthy)} planted runs with nothing wrong{_between(healthy)}")
    for fault, worlds in rates.planted.items():
        planted = _sum(worlds.values())
        parts.append(f"in {_of(planted)} with the fault “{fault}” at full strength{_between(planted)}")
    if not rates.planted:
        parts.append("no planted fault is to set it off")
    return series(parts)


def _sum(counts: Iterable[Count]) -> Count:
    return reduce(lambda one, other: Count(fires=one.fires + other.fires, runs=one.runs + other.runs), counts)


def _of(some: Count) -> str:
    return f"{some.fires:,} of {some.runs:,}"


def _between(some: Count) -> str:
    low, high = some.share.low, some.share.high
    return "" if low is None or high is None else f" [{100 * low:.1f} %, {100 * high:.1f} %]"
