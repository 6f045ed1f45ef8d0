"""A topic of the deployment that nobody was asked about."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault
from accord.lab.planted.parts.deployment import DeploymentSettings, draw_topic_pairs
from accord.lab.settings import S

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["UncoveredTopic"]

LABELS, FRESH = 300, 400


@register_fault
class UncoveredTopic(Fault):
    """Part of the deployment is of a topic that nobody was asked about, where other words are worth something.

    The strength is its share of the deployment.
    """

    name: ClassVar = "uncovered-topic"
    strengths: ClassVar = (0.2, 0.5)
    sets_off: ClassVar = ("DQ1 coverage", "DQ1 topics", "X1 error")
    cure: ClassVar = "a quota for each topic: as many labels, drawn by the deployment's shares"
    gold: ClassVar = "accuracy on the worst topic of a reward that learns from as many labels, by the truth"

    def part(self, settings: S) -> S:
        if isinstance(settings, DeploymentSettings):
            return replace(settings, new_topic=self.strength, quota=self.cured)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.lab.planted.gold import worth_learnt

        settings, random = planting.settings(DeploymentSettings()), planting.random("gold")
        difference_NV, value_N = draw_topic_pairs(planting.start, settings.feedback_shares, LABELS, random)
        right_N = random.random(LABELS) < 1 / (1 + np.exp(-np.abs(value_N) / planting.world.temperature))
        learnt_V = worth_learnt(np.where(right_N, np.sign(value_N), -np.sign(value_N))[:, None] * difference_NV)
        accuracies = []
        for topic in [topic for topic, share in settings.deployment.items() if share > 0]:
            fresh_NV, wanted_N = draw_topic_pairs(planting.start, {topic: 1.0}, FRESH, random)
            accuracies.append(float(np.mean((fresh_NV @ learnt_V > 0) == (wanted_N > 0))))
        return min(accuracies)
