"""Answers that a program sends."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting
    from accord.records import Feedback

__all__ = ["Bursts"]


@register_fault
class Bursts(Fault):
    """Some accounts have a program answer: at random, several answers a second.

    The strength is their share of all accounts.
    """

    name: ClassVar = "bursts"
    strengths: ClassVar = (0.17, 0.34)
    sets_off: ClassVar = ("MH3 bursts",)
    touches: ClassVar = {"MH3 people": "who answers at random is not foreseen"}
    cure: ClassVar = "answers in bursts are left out, as a limit of answers a minute would"
    gold: ClassVar = "accuracy of a reward that learns from the study's answers, by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.prompts_with_words import PromptsWithWords

        return replace(settings, scripts=self.strength) if isinstance(settings, PromptsWithWords) else settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.audit.people.bursts import in_bursts
        from accord.audit.people.poisoning_thresholds import PoisoningThresholds
        from accord.lab.planted.study_gold import accuracy_of_study, records_of_study

        records = records_of_study(planting)
        by_account: dict[str, list[Feedback]] = {}
        for answer in records.feedback.values():
            by_account.setdefault(answer.evaluator, []).append(answer)
        found = in_bursts(by_account, records.completions, PoisoningThresholds()) if self.cured else []
        left_out = {answer.id for answer in found}
        return accuracy_of_study(planting, lambda answer: answer.id not in left_out, marked=False)
