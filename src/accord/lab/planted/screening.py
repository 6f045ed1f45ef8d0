"""How many items of their session people are given, by whom they agree with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.settings import Settings

__all__ = ["RESEARCHERS_TASTE", "Screening", "items_given"]

RESEARCHERS_TASTE = 1.5
"""What a formal word is worth to researchers, in standard deviations of the truth, where they have a taste at all."""
SPREAD = 0.3


@dataclass(frozen=True)
class Screening(Settings):
    """Who goes on being asked.

    taste     whether the researchers like formal words
    alike     share of the items for people whose taste for formal words is theirs, or who have none
    rest_share  share of the items for everybody else
    uneven    whether shares differ from person to person besides, by a factor between .7 and 1.3
    """

    taste: bool = False
    alike: float = 1.0
    rest_share: float = 1.0
    uneven: bool = False


def items_given(
    session: Sequence[Item], person: SimulatedEvaluator, screening: Screening, random: np.random.Generator
) -> list[Item]:
    """Some of a session in its order: as many ratings, and pairs, as the person is given; three of each at least."""
    factor = random.uniform(1 - SPREAD, 1 + SPREAD) if screening.uneven else 1.0
    differs = len(person.weights) > 1 and person.weights[1] < 0
    share = min(1.0, factor * (screening.rest_share if differs else screening.alike))
    if share == 1.0:
        return list(session)
    given: list[int] = []
    for count in (1, 2):
        places = [place for place, item in enumerate(session) if len(item.completions) == count]
        given += random.permutation(places)[: max(3, round(share * len(places)))].tolist()
    return [session[place] for place in sorted(given)]
