"""A reward that compares texts with references and passes over numbers and negations."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["BlindComparator"]


@register_fault
class BlindComparator(Fault):
    """The comparator of texts that rewards passes over numbers and negations.

    The strength is the share of them.
    """

    name: ClassVar = "blind-comparator"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("X4 comparison",)
    cure: ClassVar = "it learns from a round of pairs that differ in numbers and negations"
    gold: ClassVar = "how often a text drawn as the comparator likes it says what its reference says"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.compared import ComparedSettings

        if isinstance(settings, ComparedSettings):
            return replace(settings, unread=min(1.0, self.strength), rounds=int(self.cured))
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.compared_gold import chosen_equivalence

        return chosen_equivalence(planting)
