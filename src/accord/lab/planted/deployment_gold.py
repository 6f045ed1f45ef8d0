"""What a recorded deployment is worth, by the truth."""

import numpy as np

from accord.audit.attacks.answers import is_refusal
from accord.lab.lexicon import truth
from accord.lab.planted.gold import worth_learnt
from accord.lab.planted.parts.after_deployment import (
    TEXTS,
    AfterDeploymentSettings,
    shares_asked,
)
from accord.lab.planted.parts.deployment import DeploymentSettings, draw_topic_pairs
from accord.lab.planted.planting import Planting

__all__ = ["mixture_expected", "share_answered", "worst_topic_of", "worth_answered"]

LABELS, FRESH = 300, 400


def worst_topic_of(planting: Planting) -> float:
    """Accuracy on the worst topic that is asked of a reward that learns from 300 labels, drawn as the release has them.

    Pairs of new texts, by the truth.
    """
    settings, random = planting.settings(DeploymentSettings()), planting.random("gold")
    difference_NV, value_N = draw_topic_pairs(planting.start, settings.feedback_shares, LABELS, random)
    right_N = random.random(LABELS) < 1 / (1 + np.exp(-np.abs(value_N) / planting.world.temperature))
    learnt_V = worth_learnt(np.where(right_N, np.sign(value_N), -np.sign(value_N))[:, None] * difference_NV)
    accuracies = []
    for topic in [topic for topic, share in _asked(planting).items() if share > 0]:
        fresh_NV, wanted_N = draw_topic_pairs(planting.start, {topic: 1.0}, FRESH, random)
        accuracies.append(float(np.mean((fresh_NV @ learnt_V > 0) == (wanted_N > 0))))
    return min(accuracies)


def mixture_expected(planting: Planting) -> float:
    """Less the total variation between the topics that are asked and those that the release expected."""
    expected = planting.settings(DeploymentSettings()).deployment
    return -sum(abs(share - expected[topic]) for topic, share in _asked(planting).items()) / 2


def worth_answered(planting: Planting) -> float:
    """What the answers of the deployment are worth on average, in standard deviations of the start's texts."""
    return float(np.mean([truth(text) for text in planting.notes[TEXTS]]))


def share_answered(planting: Planting) -> float:
    """The share of answers that do not refuse."""
    return 1 - float(np.mean([is_refusal(text) for text in planting.notes[TEXTS]]))


def _asked(planting: Planting) -> dict[str, float]:
    return shares_asked(planting, planting.settings(AfterDeploymentSettings()))
