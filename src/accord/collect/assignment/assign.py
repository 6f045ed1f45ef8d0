"""Who gets what next: pure functions of what is known, deterministic by seed.

An item's places are its overlap; a place is taken by an answer or by an open reservation. Among items with a free
place come first those with the fewest taken (everything once, then everything twice), then the higher priority, then
those of whose places the person's groups have taken fewest, then by lot.

Quotas are of the whole study: each group has its share of all places. Whoever's group has all of its places waits
while another group with free places has somebody who could take them; once there is nobody, all places are open.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal, TypeVar

__all__ = ["Candidate", "Counts", "Turn", "lot", "may_take", "pick", "places", "shown_order", "turn"]

T = TypeVar("T")
Turn = Literal["item", "gold", "repeat"]
Counts = Mapping[str, Mapping[str, int]]
"""How many of something there are, by attribute and group."""


@dataclass(frozen=True)
class Candidate:
    """An item that a person has not had. `same` counts places taken by people of the person's groups.

    `gap` is by how much the model's uncertainty and the expected disagreement of people differ, in bits.
    """

    item: str
    taken: int
    overlap: int
    priority: float = 0.0
    same: int = 0
    gap: float = 0.0


def pick(
    candidates: Iterable[Candidate],
    *,
    choose: Literal["coverage", "disagreement"] = "coverage",
    seed: int,
    person: str,
) -> Candidate | None:
    """The candidate to hand out next; None where none has a free place.

    By disagreement, everything is asked once; then comes first what has the widest gap.
    """

    def rank(each: Candidate) -> tuple[float, ...]:
        drawn = lot(seed, person, each.item)
        if choose == "disagreement" and each.taken:
            return (1, -each.gap, each.taken, -each.priority, each.same, drawn)
        first = 0 if choose == "disagreement" else each.taken
        return (first, -each.priority, each.taken, each.same, drawn, 0)

    free = [each for each in candidates if each.taken < each.overlap]
    return min(free, key=rank, default=None)


def turn(seed: int, person: str, number: int, *, gold: float, repeat: float) -> Turn:
    """What a person's turn `number` is meant for: with probability `gold` a question whose answer is known, with
    probability `repeat` an item that they had before. Drawn by lot, so that nobody can tell when they come."""
    drawn = lot(seed, person, "turn", number)
    return "gold" if drawn < gold else "repeat" if drawn < gold + repeat else "item"


def shown_order(seed: int, person: str, item: str, again: object, names: Sequence[T]) -> tuple[T, ...]:
    """The order on the screen, drawn for each person and item, and anew for each `again` that it is asked."""
    places_ = sorted(range(len(names)), key=lambda place: lot(seed, person, item, again, place))
    return tuple(names[place] for place in places_)


def lot(*key: object) -> float:
    """A number in [0, 1) drawn from the key: the same key, the same number."""
    drawn = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(drawn[:6], "big") / 2**48


def places(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`total` places by share: whole numbers that add up, by largest remainder (ties to the first named)."""
    exact = {group: total * share for group, share in shares.items()}
    given = {group: floor(each + 1e-9) for group, each in exact.items()}
    order = sorted(shares, key=lambda group: given[group] - exact[group])
    for group in order[: total - sum(given.values())]:
        given[group] += 1
    return given


def may_take(
    groups: Mapping[str, str],
    quotas: Mapping[str, Mapping[str, float]],
    taken: Counts,
    total: int,
    present: Counts,
) -> bool:
    """Whether a person of these groups may take one more place of the study's `total`.

    `taken` counts places, `present` the people who could still take one. A person who did not say (or whose group no
    quota names) is never held back.
    """
    return all(
        _open(groups.get(attribute), places(total, shares), taken.get(attribute, {}), present.get(attribute, {}))
        for attribute, shares in quotas.items()
    )


def _open(group: str | None, given: Mapping[str, int], taken: Mapping[str, int], present: Mapping[str, int]) -> bool:
    if group is None or group not in given or taken.get(group, 0) < given[group]:
        return True
    return not any(
        taken.get(other, 0) < count and present.get(other, 0) for other, count in given.items() if other != group
    )
