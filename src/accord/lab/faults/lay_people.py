"""A crowd of lay people where experts would know."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, S, register_fault
from accord.lab.faults.hard_tasks import labels_of_the_hardest
from accord.lab.planted.parts.verifiable import SumSettings

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["LayPeople"]

SETTLED = 0.8


@register_fault
class LayPeople(Fault):
    """Sums have up to six digits: too many for the crowd, and not for experts.

    The strength is how many digits more experts can add up.
    """

    name: ClassVar = "lay-people"
    strengths: ClassVar = (2.0, 4.0)
    sets_off: ClassVar = ()
    touches: ClassVar = {
        "OV3 pools": "it is what the check looks for; nine experts show it in more than half of the runs",
        "OV3 difficulty": "the crowd fails on hard items",
    }
    cure: ClassVar = "items on which less than four fifths of the crowd agree go to an expert"
    gold: ClassVar = "share of the hardest third of the sums whose label is right: the majority's, or the expert's"

    def part(self, settings: S) -> S:
        if isinstance(settings, SumSettings):
            return replace(settings, digits=6, expert_skill=settings.skill + self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        crowd: dict[str, Counter[bool]] = {}
        expert: dict[str, bool] = {}
        for label in labels_of_the_hardest(planting):
            if label.expert:
                expert.setdefault(label.item, label.right)
            else:
                crowd.setdefault(label.item, Counter())[label.right] += 1
        return float(np.mean([self._label(votes, expert.get(item)) for item, votes in crowd.items()]))

    def _label(self, votes: Counter[bool], expert: bool | None) -> float:
        """Whether the label of an item is right; a half where the vote is tied."""
        if self.cured and expert is not None and max(votes.values()) < SETTLED * votes.total():
            return float(expert)
        return 0.5 if votes[True] == votes[False] else float(votes[True] > votes[False])
