"""For whom a reward speaks: one reward for all, for known groups, for groups found by EM, and for each person.

Sixty simulated evaluators answer 40 comparisons each of texts with four features; a share of them wants the opposite
of what is worth most to the others. `accuracy` is that of pairs that nobody was asked about, ordered as the group's own
reward orders them, of the largest and the smallest group, the mean over their people. `EM` gives each group that was
found a head; `EM, own heads that gain` those alone that gain by it on held-out answers (`own_heads`), as a learnt
reward does.

Worlds: a share of 10, 20 and 40 %; nobody differs (the control); a tenth answers four times as noisily (the harder
control); a fifth, with 16 features and 20 answers each; three groups, of 50, 30 and 20 %, the third's reward its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from accord.reward.people.group_number import choose_groups
from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import Array, fit_mixture
from accord.reward.people.own_heads import with_own_heads

__all__ = ["measure"]

EVALUATORS = 60


@dataclass(frozen=True)
class World:
    """How many belong to each group, what answers are like."""

    shares: tuple[float, ...]
    features: int = 4
    answers: int = 40
    noise: float = 1.0  # of the last group, whose reward is then that of the first


WORLDS = {
    "opposed 10 %": World((0.9, 0.1)),
    "opposed 20 %": World((0.8, 0.2)),
    "opposed 40 %": World((0.6, 0.4)),
    "alike": World((1.0,)),
    "noisier 10 %": World((0.9, 0.1), noise=4.0),
    "opposed 20 %, 16 features, 20 answers": World((0.8, 0.2), features=16, answers=20),
    "three groups": World((0.5, 0.3, 0.2)),
}


def measure(data: Path, seeds: range) -> dict[str, Any]:
    """Means over seeds, and the least; `data` is not read."""
    found: dict[str, Any] = {}
    for name, world in WORLDS.items():
        runs = [_run(world, seed) for seed in seeds]
        accuracies = {
            f"{group}, {method}": [float(run[group, method]) for run in runs]
            for group, method in runs[0]
            if group != "groups"
        }
        found[name] = {
            "groups chosen": [int(run["groups", "chosen"]) for run in runs],
            "groups with heads of their own": [int(run["groups", "kept"]) for run in runs],
            "accuracy": {
                key: {"mean": round(float(np.mean(each)), 3), "least": round(min(each), 3)}
                for key, each in accuracies.items()
            },
        }
    return found


def _run(world: World, seed: int) -> Mapping[tuple[str, str], float]:
    draw = np.random.default_rng([2312, seed])
    group_E = np.repeat(np.arange(len(world.shares)), [round(EVALUATORS * share) for share in world.shares])
    reward_GD = _rewards(draw, world)
    who_P = np.repeat(np.arange(EVALUATORS), world.answers)
    feature_PD = draw.normal(size=(len(who_P), world.features))
    noise_P = np.where(group_E[who_P] == len(world.shares) - 1, world.noise, 1.0)
    margin_P = (feature_PD * reward_GD[group_E[who_P]]).sum(1) / noise_P
    feature_PD *= np.where(draw.random(len(who_P)) < expit(margin_P), 1.0, -1.0)[:, None]
    fit = LinearComparisons(feature_PD)
    number = choose_groups(fit, who_P, seed=seed)
    test_PD = draw.normal(size=(4000, world.features))
    pooled_ED = np.repeat(fit(np.ones((len(who_P), 1)), None)[0], EVALUATORS, axis=0)
    known_ED = fit(np.eye(len(world.shares))[group_E[who_P]], None)[0][group_E]
    mixture = fit_mixture(fit, who_P, number.groups, seed=seed)
    kept, _ = with_own_heads(fit, who_P, mixture, seed=seed)
    by_method = {
        "one reward": pooled_ED,
        "known groups": known_ED,
        "EM": mixture.parameters[mixture.responsibility_EK.argmax(1)],
        "EM, own heads that gain": kept.parameters[kept.responsibility_EK.argmax(1)],
        "persons": _persons(feature_PD, who_P),
    }
    right = {}
    for group in {0, len(world.shares) - 1}:
        truth_P = test_PD @ reward_GD[group] > 0
        for method, weight_ED in by_method.items():
            right_E = ((test_PD @ weight_ED[group_E == group].T > 0) == truth_P[:, None]).mean(0)
            right["largest group" if group == 0 else "smallest group", method] = float(right_E.mean())
    return {("groups", "chosen"): number.groups, ("groups", "kept"): len(kept.share_K), **right}


def _rewards(draw: np.random.Generator, world: World) -> Array:
    """The first group's is drawn, the second's is turned round where that is largest, a third's is drawn for itself."""
    first_D, third_D = draw.normal(size=(2, world.features))
    turned_D = first_D * np.where(np.abs(first_D) == np.abs(first_D).max(), -1.0, 1.0)
    rewards = [first_D, first_D if world.noise != 1 else turned_D, third_D][: len(world.shares)]
    return np.array([2 * reward_D / np.linalg.norm(reward_D) for reward_D in rewards])


def _persons(feature_PD: Array, who_P: Array, deviation_sd: float = 2.0) -> Array:
    """Partial pooling: a shared reward with a wide prior, a deviation for each person with one of `deviation_sd`."""
    width = feature_PD.shape[1]
    sd = deviation_sd / width**0.5
    own_PED = np.zeros((len(who_P), EVALUATORS, width))
    own_PED[np.arange(len(who_P)), who_P] = feature_PD * sd / 3.0  # the prior of all is N(0, 3^2)
    both_PX = np.concatenate([feature_PD, own_PED.reshape(len(who_P), -1)], axis=1)
    weight_X = LinearComparisons(both_PX)(np.ones((len(who_P), 1)), None)[0][0]
    shared_D, own_ED = weight_X[:width], weight_X[width:].reshape(EVALUATORS, width) * sd / 3.0
    weight_ED: Array = shared_D + own_ED
    return weight_ED
