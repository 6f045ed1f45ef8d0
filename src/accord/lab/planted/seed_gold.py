"""What the policies of all seeds gain."""

import numpy as np

from accord.artefacts import EVALUATION
from accord.lab.planted.planting import Planting
from accord.run import RunDirectory

__all__ = ["mean_gain"]


def mean_gain(planting: Planting) -> float:
    """By the independent judge, policy less start, the mean over the planted run and those beside it."""
    gains = [_gain(planting.run)]
    for path in planting.beside:
        with RunDirectory.open(path, write=False) as run:
            gains.append(_gain(run))
    return float(np.mean(gains))


def _gain(run: RunDirectory) -> float:
    evaluation = EVALUATION.read(run)
    assert evaluation.policy.eval_reward is not None
    assert evaluation.start.eval_reward is not None
    return evaluation.policy.eval_reward.value - evaluation.start.eval_reward.value
