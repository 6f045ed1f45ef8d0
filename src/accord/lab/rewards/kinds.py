"""Kinds of feedback at equal seconds: each alone, and all of them in one likelihood.

A text has numbers of its own and those of its prompt, which all texts to it share (how well one can answer it at all).
What only compares texts to one prompt is blind to the latter; what judges a text by itself is noisier. Costs are those
of the marks.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from accord.lab.rewards.collection import Collection, Floats
from accord.lab.rewards.linear import Likelihood, fit
from accord.lab.rewards.people import People
from accord.lab.rewards.points import RewardsPoint
from accord.reward.kinds.bradley_terry import BradleyTerry
from accord.reward.kinds.correction import CorrectionReward
from accord.reward.kinds.cumulative_rating import CumulativeRating
from accord.reward.kinds.demonstration import DemonstrationReward
from accord.reward.kinds.joint import Joint
from accord.reward.kinds.label_logistic import LabelLogistic
from accord.reward.kinds.plackett_luce import PlackettLuce
from accord.reward.learnt import LearntReward

__all__ = ["ARMS", "COSTS", "KINDS", "Setting", "kinds"]

KINDS = ("comparison", "rating", "ranking", "label", "correction", "demonstration")
PRIOR_STD = 1.0
COSTS = Path(__file__).parents[1] / "marks" / "rewards.toml"
"""Where the seconds of each kind of judgement stand."""


@dataclass(frozen=True)
class Setting:
    """The world: how many numbers a text has of its own and of its prompt, the deviations of what both are worth,
    how much noisier judging a text by itself is than comparing, and how many seconds there are.
    """

    own: int = 30
    prompts_own: int = 1
    spread: float = 1.4
    prompts_spread: float = 0.7
    alone: float = 1.5
    seconds: float = 7200.0
    prompts: int = 200
    evaluators: int = 12


ARMS = {"kinds": Setting(), "kinds-prompts-alike": Setting(prompts_spread=0.0, alone=1.0)}


def kinds(setting: Setting, seed: int) -> list[RewardsPoint]:
    """Spearman's correlation with gold of new texts to new prompts, by each kind alone and by all together."""
    random = np.random.default_rng([seed, 161])
    weight_D = np.concatenate(
        [
            setting.spread * _direction(setting.own, random),
            setting.prompts_spread * _direction(setting.prompts_own, random),
        ]
    )
    world = _World(setting, weight_D, People.draw(weight_D, setting.evaluators, setting.alone, random), random)
    number_AD = random.standard_normal((4000, len(weight_D)))
    arms = {kind: {kind: setting.seconds} for kind in KINDS}
    arms["joint"] = dict.fromkeys(KINDS, setting.seconds / len(KINDS))
    points = []
    for name, seconds in arms.items():
        texts = world.asked(seconds)
        fitted_D = fit(Likelihood(_reward(name).terms(texts.data()), texts, prior_std=PRIOR_STD))
        correlation = float(spearmanr(number_AD @ fitted_D, number_AD @ weight_D).statistic)
        points.append(RewardsPoint(what=name, value=correlation))
    return points


def _reward(name: str) -> LearntReward:
    """The kind of reward that learns from a kind of judgement; all that it can read is read."""
    rewards: dict[str, LearntReward] = {
        "comparison": BradleyTerry(ties="rao_kupper", strength="ordinal"),
        "rating": CumulativeRating(),
        "ranking": PlackettLuce(),
        "label": LabelLogistic(coefficients={"good": 1.0}),
        "correction": CorrectionReward(),
        "demonstration": DemonstrationReward(elsewhere=0),
        "joint": Joint(ties="rao_kupper", strength="ordinal"),
    }
    return rewards[name]


@dataclass(frozen=True)
class _World:
    setting: Setting
    weight_D: Floats
    people: People
    random: np.random.Generator

    def asked(self, seconds: dict[str, float]) -> Collection:
        """What people say in so many seconds of each kind."""
        texts = Collection()
        prompt_PB = self.random.standard_normal((self.setting.prompts, self.setting.prompts_own))
        for kind, available in seconds.items():
            for _ in range(int(available / costs()[kind])):
                self._act(kind, texts, int(self.random.integers(len(prompt_PB))), prompt_PB)
        return texts

    def _act(self, kind: str, texts: Collection, prompt: int, prompt_PB: Floats) -> None:
        people = self.people
        match kind:
            case "comparison":
                people.compare(texts, prompt, self._rows(2, prompt_PB[prompt]))
            case "ranking":
                people.rank(texts, prompt, self._rows(4, prompt_PB[prompt]))
            case "rating":
                people.rate(texts, prompt, self._rows(1, prompt_PB[prompt]))
            case "label":
                people.label(texts, prompt, self._rows(1, prompt_PB[prompt]))
            case "correction":
                people.correct(texts, prompt, self._rows(1, prompt_PB[prompt]), self.setting.own)
            case "demonstration":
                shown_KD, draft_1D = self._rows(4, prompt_PB[prompt]), self._rows(1, prompt_PB[prompt])
                people.demonstrate(texts, prompt, shown_KD, draft_1D[0], self.setting.own)
            case _:
                raise ValueError(f"nobody says a {kind} here")

    def _rows(self, count: int, prompt_B: Floats) -> Floats:
        own_KW = self.random.standard_normal((count, self.setting.own))
        return np.concatenate([own_KW, np.tile(prompt_B, (count, 1))], axis=1)


@cache
def costs() -> dict[str, float]:
    """Seconds of a person's time by kind of judgement, from the marks."""
    content = tomllib.loads(COSTS.read_text())
    return {str(kind): float(seconds) for kind, seconds in content["costs"].items()}


def _direction(width: int, random: np.random.Generator) -> Floats:
    weight_D = random.standard_normal(width)
    return np.asarray(weight_D / np.linalg.norm(weight_D))
