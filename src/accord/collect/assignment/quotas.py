"""Quotas: each group's share of all places of a study, and who waits for whom.

Whoever's group has all of its places waits while another group with free places has somebody who could take them; once
there is nobody, all places are open.
"""

from collections.abc import Mapping
from math import floor

__all__ = ["Counts", "may_take", "places"]

Counts = Mapping[str, Mapping[str, int]]
"""How many of something there are, by attribute and group."""


def places(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`total` places by share: whole numbers that add up, by largest remainder (ties to the first named)."""
    exact = {group: total * share for group, share in shares.items()}
    whole = {group: floor(count + 1e-9) for group, count in exact.items()}
    by_remainder = sorted(shares, key=lambda group: whole[group] - exact[group])
    for group in by_remainder[: total - sum(whole.values())]:
        whole[group] += 1
    return whole


def may_take(
    groups: Mapping[str, str],
    quotas: Mapping[str, Mapping[str, float]],
    occupied: Counts,
    total: int,
    present: Counts,
) -> bool:
    """Whether a person of these groups may take one more place of the study's `total`.

    `occupied` counts places, `present` the people who could still take one. A person who did not say (or whose group no
    quota names) is never held back.
    """
    return all(
        _is_open(groups.get(attribute), places(total, shares), occupied.get(attribute, {}), present.get(attribute, {}))
        for attribute, shares in quotas.items()
    )


def _is_open(
    group: str | None, quota: Mapping[str, int], occupied: Mapping[str, int], present: Mapping[str, int]
) -> bool:
    if group is None or group not in quota or occupied.get(group, 0) < quota[group]:
        return True
    return not any(
        occupied.get(other, 0) < count and present.get(other, 0) for other, count in quota.items() if other != group
    )
