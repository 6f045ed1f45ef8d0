"""People who turn answers round."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Flippers"]


@register_fault
class Flippers(Fault):
    """Some people turn every answer round, whatever the prompt.

    The strength is their share; no word marks what they do.
    """

    name: ClassVar = "flippers"
    strengths: ClassVar = (0.08, 0.17)
    sets_off: ClassVar = ("MH3 people",)
    cure: ClassVar = "answers of people whom the audit names are left out"
    gold: ClassVar = "accuracy of a reward that learns from the study's answers, by the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.prompts_with_words import PromptsWithWords

        return replace(settings, flippers=self.strength) if isinstance(settings, PromptsWithWords) else settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.study_gold import accuracy_of_study, assessed_study

        study = assessed_study(planting) if self.cured else None
        named = {person.name for person in study.poisoning.people} if study else set()
        return accuracy_of_study(planting, lambda answer: answer.evaluator not in named, marked=False)
