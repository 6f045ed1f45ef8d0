"""Policies that give one answer: where many are equally good, and where only one is right."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["OneAnswer", "OneRightAnswer"]


@register_fault
class OneAnswer(Fault):
    """Of answers that are equally good the policy gives one, in many words: what its reward has wrong decides which.

    The strength is the pressure of its training.
    """

    name: ClassVar = "one-answer"
    strengths: ClassVar = (30.0, 60.0)
    sets_off: ClassVar = ("DC2 semantic diversity",)
    cure: ClassVar = "a stronger KL penalty: a tenth of the pressure"
    gold: ClassVar = (
        "the effective number of good answers that the policy gives to an open question (exp of their entropy)"
    )

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.open_questions import AnswerSettings

        if isinstance(settings, AnswerSettings):
            return replace(settings, pressure=self.strength / 10 if self.cured else self.strength)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.parts.open_questions import NOTE

        numbers = []
        for question in planting.notes[NOTE]:
            if question.good_A.sum() > 1:
                share_A = question.policy_A[question.good_A] / question.policy_A[question.good_A].sum()
                numbers.append(float(np.exp(-(share_A * np.log(np.maximum(share_A, 1e-300))).sum())))
        return float(np.mean(numbers))


@register_fault
class OneRightAnswer(Fault):
    """The control of DC2 semantic diversity: to every question one answer is right, and the policy gives that.

    The strength is the pressure of its training.
    """

    name: ClassVar = "one-right-answer"
    strengths: ClassVar = (60.0,)

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.open_questions import AnswerSettings

        return (
            replace(settings, pressure=self.strength, closed=1.0) if isinstance(settings, AnswerSettings) else settings
        )
