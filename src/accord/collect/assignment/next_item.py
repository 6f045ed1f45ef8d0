"""Which item comes next for a person, of those that they have not had.

An item's places are its overlap; a place is taken by an answer or by an open reservation. Among items with a free
place come first those with the fewest taken (everything once, then everything twice), then the higher priority, then
those of whose places the person's groups have taken fewest, then by lot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from accord.collect.assignment.lots import lot

__all__ = ["Candidate", "next_item"]


@dataclass(frozen=True)
class Candidate:
    """An item that a person has not had.

    occupied       places with an answer or an open reservation, of `overlap`
    by_own_groups  places taken by people of the person's groups
    gap            by how much the model's uncertainty and the expected disagreement of people differ, in bits
    """

    item: str
    occupied: int
    overlap: int
    priority: float = 0.0
    by_own_groups: int = 0
    gap: float = 0.0


def next_item(
    candidates: Iterable[Candidate],
    *,
    choose: Literal["coverage", "disagreement"] = "coverage",
    seed: int,
    person: str,
) -> Candidate | None:
    """The candidate to hand out next; None where none has a free place.

    By disagreement, everything is asked once; then comes first what has the widest gap.
    """

    def rank(candidate: Candidate) -> tuple[float, ...]:
        chance = lot(seed, person, candidate.item)
        if choose == "disagreement" and candidate.occupied:
            return (1, -candidate.gap, candidate.occupied, -candidate.priority, candidate.by_own_groups, chance)
        first = 0 if choose == "disagreement" else candidate.occupied
        return (first, -candidate.priority, candidate.occupied, candidate.by_own_groups, chance, 0)

    free = [candidate for candidate in candidates if candidate.occupied < candidate.overlap]
    return min(free, key=rank, default=None)
