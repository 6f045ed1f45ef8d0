"""Money spent on answers that tell little for it."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import truth
from accord.lab.settings import S
from accord.records import Comparison, Completion, Feedback

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Overspending"]
ALLOCATIONS = {1.0: ("crowd", 5), 3.0: ("experts", 3)}


@register_fault
class Overspending(Fault):
    """Everything is asked several times over, at the cost of few items.

    The strength is 1 where five of the crowd answer each item, and 3 where three experts do.
    """

    name: ClassVar = "overspending"
    strengths: ClassVar = tuple(ALLOCATIONS)
    sets_off: ClassVar = ("DQ2 frontier", "DQ2 redundancy")
    cure: ClassVar = "the same money spent on one answer of the crowd an item, a seventh of the items twice"
    gold: ClassVar = "accuracy of a reward that learns from the study's answers, by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.tiers import Allocation

        if not isinstance(settings, Allocation) or self.cured:
            return settings
        pool, answers = ALLOCATIONS[3.0 if self.strength >= 2 else 1.0]
        return replace(settings, pool=pool, answers=answers, again=0.0, by_expert=0.0)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import fresh_texts, orders_as, word_counts, worth_learnt
        from accord.lab.planted.parts.tiers import STUDY

        records = planting.notes[STUDY]
        texts = {one.id: one.text for one in records if isinstance(one, Completion)}
        answers = [one for one in records if isinstance(one, Feedback) and one.gold is None]
        left_NV, right_NV = (word_counts([texts[one.completions[side]] for one in answers]) for side in (0, 1))
        side_N = [
            1.0 if isinstance(one.judgement, Comparison) and one.judgement.preferred == "left" else -1.0
            for one in answers
        ]
        worth_V = worth_learnt((left_NV - right_NV) * np.array(side_N)[:, None])
        new = fresh_texts(planting)
        return orders_as(word_counts(new) @ worth_V, np.array([truth(text) for text in new]))
