"""Evaluators who do not answer again what they answered before."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import truth
from accord.lab.planted.sittings import Sittings
from accord.lab.settings import S
from accord.records import Comparison, Feedback

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Unsteady"]


@register_fault
class Unsteady(Fault):
    """People see that they had an item before, and click through it.

    The strength is the share of random answers among those to items asked again.
    """

    name: ClassVar = "unsteady"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("OV1 repeats",)
    touches: ClassVar = {"OV1 time": "answers at random are fast"}
    cure: ClassVar = "items come again unannounced, among others"
    gold: ClassVar = "accuracy, by the truth, of a reward that learns from both answers to what was asked again"

    def part(self, settings: S) -> S:
        return replace(settings, weary=self.strength) if isinstance(settings, Sittings) and not self.cured else settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import fresh_texts, orders_as, word_counts, worth_learnt

        answers = {answer.id: answer for answer in planting.ledger.feedback()}
        again = [one for one in answers.values() if one.repeat_of and isinstance(one.judgement, Comparison)]
        both = again + [answers[one.repeat_of] for one in again if one.repeat_of]
        texts_2NV = [
            word_counts([planting.data.completions[one.completions[side]].text for one in both]) for side in (0, 1)
        ]
        left_N1 = np.array([[1.0 if _is_left(one) else -1.0] for one in both])
        texts = fresh_texts(planting)
        learnt_V = worth_learnt(left_N1 * (texts_2NV[0] - texts_2NV[1]))
        return orders_as(word_counts(texts) @ learnt_V, np.array([truth(text) for text in texts]))


def _is_left(answer: Feedback) -> bool:
    return isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "left"
