"""People who are kept for thinking as the researchers do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import features, truth
from accord.lab.planted.screening import RESEARCHERS_TASTE, Screening
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["SelectedEvaluators", "UnevenEvaluators"]

ALIKE = 2  # of five people


def with_tastes(panel: Sequence[SimulatedEvaluator]) -> list[SimulatedEvaluator]:
    """Two of five people with the researchers' taste for formal words, the others with the opposite one."""
    return [
        one.changed(weights=(1.0, RESEARCHERS_TASTE * (1.0 if place % 5 < ALIKE else -1.0)))
        for place, one in enumerate(panel)
    ]


@register_fault
class SelectedEvaluators(Fault):
    """Two of five people share a taste with the researchers, and are given most of the items.

    The strength is by how much smaller the others' part of them is.
    """

    name: ClassVar = "selected-evaluators"
    strengths: ClassVar = (2.0, 4.0)
    sets_off: ClassVar = ("MH1 selection",)
    touches: ClassVar = {
        "PM2 one reward": "people want opposite things",
        "OV1 careless": "people of the other taste disagree with most answers",
        "OV1 fatigue": "only those who are given most come to the late places of a session, and others judge otherwise",
        "RE1 accuracy": "the reward knows no taste",
        "RE1 calibration": "the reward knows no taste",
    }
    cure: ClassVar = "a quota: the same items in all, and as many of each person"
    gold: ClassVar = "accuracy of a reward that learns from the training pairs, by the mean utility of all people"

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return with_tastes(panel)

    def part(self, settings: S) -> S:
        if not isinstance(settings, Screening):
            return settings
        share = (ALIKE + (5 - ALIKE) / self.strength) / 5
        if self.cured:
            return replace(settings, taste=True, alike=share, rest_share=share)
        return replace(settings, taste=True, rest_share=1 / self.strength, uneven=True)

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import reward_accuracy

        usual = RESEARCHERS_TASTE * (2 * ALIKE - 5) / 5
        return reward_accuracy(planting, lambda text: truth(text) + usual * features(text)["style"])


@register_fault
class UnevenEvaluators(Fault):
    """People of the same two tastes are given numbers of items that have nothing to do with them: the control.

    The strength is by how much fewer they are than a whole session.
    """

    name: ClassVar = "uneven-evaluators"
    strengths: ClassVar[tuple[float, ...]] = (2.0,)
    touches: ClassVar = SelectedEvaluators.touches

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]:
        return with_tastes(panel)

    def part(self, settings: S) -> S:
        if isinstance(settings, Screening):
            share = 1 / self.strength
            return replace(settings, taste=True, alike=share, rest_share=share, uneven=True)
        return settings
