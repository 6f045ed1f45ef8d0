"""Many tests in one report: what still holds when it is asked of all of them at once, and what explains what.

The primary check of each challenge is one test of the report, and Holm's step-down method (1979) holds the chance
that any of them fires wrongly at 5 %. The other checks of a challenge say more about it; Benjamini & Hochberg (1995)
hold the share of false ones among those that fire at 5 %. What fires by itself and not among all is inconclusive. What
no chance is in (something shared, an end misplaced) has no p-value and is no test among the others. Preflight is about
the run's arithmetic, not about a challenge: each of its challenges is a family of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from accord.deferred import deferred

with deferred():
    from scipy.stats import false_discovery_control

    from accord.artefacts.finding import Finding, Verdict

__all__ = ["corrected", "holm", "surely_rejected"]

LEVEL = 0.05


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, each the smallest level of the whole family at which its test rejects (Holm 1979)."""
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * n, 0.0
    for rank, place in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (n - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def corrected(
    findings: Sequence[Finding], explained: Mapping[str, Sequence[str]], *, apart: Collection[str] = ()
) -> tuple[Finding, ...]:
    """The findings with `adjusted_p` and `explained_by`; `explained` names by check those whose fault fires it too.

    The primary checks of challenges in `apart` are tests among their own challenge's alone.
    """
    families: dict[str, list[int]] = {}
    for place, finding in enumerate(findings):
        if finding.p_value is not None and finding.verdict is not Verdict.NOT_ASSESSABLE:
            of_report = finding.primary and finding.challenge not in apart
            families.setdefault("" if of_report else finding.challenge, []).append(place)
    adjusted: dict[int, float] = {}
    for family, places in families.items():
        p_values = [findings[place].p_value or 0.0 for place in places]
        of_family = holm(p_values) if family == "" else false_discovery_control(p_values).tolist()
        adjusted |= dict(zip(places, of_family, strict=True))
    ruled = [_ruled(finding, adjusted.get(place)) for place, finding in enumerate(findings)]
    fired = {finding.id for finding in ruled if finding.verdict is Verdict.FIRES}
    return tuple(
        replace(finding, explained_by=tuple(name for name in explained.get(finding.id, ()) if name in fired))
        if finding.verdict is Verdict.FIRES
        else finding
        for finding in ruled
    )


def surely_rejected(finding: Finding, tests: int) -> Finding:
    """The finding as it stands in a report whatever the other checks find: its p-value times the tests of its family.

    That is Bonferroni's bound: what it rejects, Holm and Benjamini & Hochberg reject as well.
    """
    if finding.p_value is None or finding.verdict is Verdict.NOT_ASSESSABLE:
        return finding
    return _ruled(finding, min(1.0, finding.p_value * tests))


def _ruled(finding: Finding, adjusted_p: float | None) -> Finding:
    """The finding with its adjusted p-value; inconclusive where it fires only by itself."""
    if adjusted_p is None:
        return finding
    if finding.verdict is not Verdict.FIRES or adjusted_p < LEVEL:
        return replace(finding, adjusted_p=adjusted_p)
    needs = (
        f"more of the same: it fires by itself, but among all tests of the report so much has a probability of "
        f"{adjusted_p:.2g}"
    )
    return replace(finding, adjusted_p=adjusted_p, verdict=Verdict.INCONCLUSIVE, needs=needs)
