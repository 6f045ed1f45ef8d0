"""Rewards that the policy that they taught has outrun, since nobody was asked again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["OutrunReward", "SelfReinforcing"]

GOLD = "accuracy by the truth of the reward, on pairs of texts of the policy that it made"


class _Outrun(Fault):
    """What both do: the reward of the round before is wrong, and the cure has it learn again."""

    gold: ClassVar[str] = GOLD
    field: ClassVar[str]
    cured_by: ClassVar[Mapping[str, object]]

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.asking_round import AskedSettings

        if isinstance(settings, AskedSettings):
            changes: dict[str, Any] = {self.field: self.strength, **(self.cured_by if self.cured else {})}
            return replace(settings, **changes)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.asked_gold import accuracy_on_own_texts

        return accuracy_on_own_texts(planting)


@register_fault
class SelfReinforcing(_Outrun):
    """The reward over-estimates words that sound sure, the policy writes more of them, and only its texts are judged.

    The strength is what it gives each such word, in standard deviations of the truth.
    """

    name: ClassVar = "self-reinforcing"
    strengths: ClassVar = (0.75, 2.0)
    sets_off: ClassVar = ("JT1 growth",)
    touches: ClassVar = {"JT2 stale": "a reward that is wrong about what grew is wrong about the policy's texts"}
    cure: ClassVar = "people are asked again, and the start writes a fifth of the texts"
    field: ClassVar = "over"
    cured_by: ClassVar = {"anew": True, "share": 0.2}


@register_fault
class OutrunReward(_Outrun):
    """The policy has come to write texts better than nearly all that its reward learnt from, where it is wrong.

    The strength is what it gives or takes there for plain words, in standard deviations of the truth.
    """

    name: ClassVar = "outrun-reward"
    strengths: ClassVar = (1.0, 3.0)
    sets_off: ClassVar = ("JT2 stale",)
    cure: ClassVar = "people are asked again about what the policy writes"
    field: ClassVar = "astray"
    cured_by: ClassVar = {"anew": True}
