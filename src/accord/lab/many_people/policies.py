"""One policy for everybody: by one reward, or such that the group that gains least gains most.

A policy is the exact optimum of a reward b at a KL coefficient of 1: in a world of standard normal numbers it moves
their mean by b, and a group that wants w gains w . b. MaxMin's weights are moved by the very class that language models
are trained with (`policy/maxmin`), the policy being optimal for the weights of each step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from accord.policy.maxmin import MaxMin

__all__ = ["maxmin_weights", "settled_reward"]

Floats = NDArray[np.float64]
STEPS, RATE = 600, 0.05


def maxmin_weights(gains: Callable[[Floats], Sequence[float]], groups: int, *, steps: int = STEPS) -> Floats:
    """What each group counts in the end, [K]: `gains` are what all gain by the optimum under some weights.

    The mean over the second half of the steps: mirror descent circles about where it settles.
    """
    names = tuple(str(number) for number in range(groups))
    maxmin = MaxMin(groups=names, rate=RATE)
    state: dict[str, Any] = {}
    after: list[Floats] = []
    for _ in range(steps):
        weight_K = np.array(list(maxmin.weights(state).values()))
        after.append(weight_K)
        components = {name: torch.tensor([gain]) for name, gain in zip(names, gains(weight_K), strict=True)}
        maxmin.update_weights(components, state)
    return np.asarray(np.mean(after[steps // 2 :], axis=0))


def settled_reward(reward_KD: Floats) -> Floats:
    """The mixture of K rewards that MaxMin's policy is optimal for, [D]; the reward itself where there is one."""
    if len(reward_KD) == 1:
        return np.asarray(reward_KD[0])
    weight_K = maxmin_weights(lambda w_K: (reward_KD @ (w_K @ reward_KD)).tolist(), len(reward_KD))
    return np.asarray(weight_K @ reward_KD)
