"""A crowd of lay people where experts would know."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.faults.hard_tasks import labels_of_the_hardest
from accord.lab.planted.parts.verifiable import SumSettings
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["LayPeople"]


@register_fault
class LayPeople(Fault):
    """Sums have up to six digits: too many for the crowd, and not for experts.

    The strength is how many digits more experts can add up.
    """

    name: ClassVar = "lay-people"
    strengths: ClassVar = (2.0, 4.0)
    sets_off: ClassVar = ("OV3 pools",)
    touches: ClassVar = {"OV3 difficulty": "the crowd fails on hard items"}
    cure: ClassVar = "experts are asked the items on which less than four fifths of the crowd agree, and decide them"
    gold: ClassVar = "share of the hardest third of the sums whose label is right: the majority's, or the experts'"

    def part(self, settings: S) -> S:
        if isinstance(settings, SumSettings):
            return replace(settings, digits=6, expert_skill=settings.skill + self.strength, routed=self.cured)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        crowd: dict[str, Counter[bool]] = {}
        experts: dict[str, Counter[bool]] = {}
        for label in labels_of_the_hardest(planting):
            (experts if label.expert else crowd).setdefault(label.item, Counter())[label.right] += 1
        routed = planting.settings(SumSettings()).routed
        return float(
            np.mean([_majority(experts.get(item, votes) if routed else votes) for item, votes in crowd.items()])
        )


def _majority(votes: Counter[bool]) -> float:
    """Whether the label of an item is right; a half where the vote is tied."""
    return 0.5 if votes[True] == votes[False] else float(votes[True] > votes[False])
