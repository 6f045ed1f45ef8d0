"""Who judges: what an answer costs, what the judge takes texts to be worth, and how noisily.

A judge feels v + t G of each text, v its view of it (`JudgedWorld`), t its temperature and G Gumbel noise of each look,
and prefers the text of which it feels most: of two texts by Bradley and Terry, sigmoid(difference / t), of n as by
Plackett and Luce. People guess where an item of difficulty d is too hard for them, with the chance
sigmoid(2 (d - skill)), as `SimulatedEvaluator` does. Beside a remark, which is the model's answer, whoever would guess
goes by it, and whoever would not goes by it now and then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.lab.who_may_judge.world import HARDEST, Items, JudgedWorld
from accord.lab.worlds import GaussWorld
from accord.policy.best_of_n import best_of

__all__ = ["JUDGES", "PRICES", "Judge", "judges_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRICES: Mapping[str, float] = {"people": 0.60, "model": 0.06, "program": 0.001, "assisted": 0.66}
"""Dollars an answer: a minute and a half of a person at 24 an hour; a model a tenth of that (Lee et al. 2023, arXiv
2309.00267, estimate less than a tenth); a program's seconds; a person and the remark that is read."""
JUDGES = tuple(PRICES)
SKILL = 3.0
TRUST = 0.3
TEMPERATURE: Mapping[str, float] = {"people": 1.0, "model": 0.3, "program": 0.0, "assisted": 1.0}
SPREAD = np.linspace(0, HARDEST, 2001)


@dataclass(frozen=True)
class Judge:
    """One kind of judge.

    skill   the difficulty at which half of the answers are guesses; None: whoever finds nothing hard
    remark  the judge whose answer stands beside the item, where one does
    """

    view: GaussWorld
    temperature: float
    skill: float | None = None
    remark: "Judge | None" = None

    def prefers_left(self, items: Items, random: np.random.Generator) -> Bools:
        """Whether the left text of each pair is preferred, [P]."""
        noise_P = self.temperature * random.logistic(size=len(items))
        left_P = items.margins(self.view) + noise_P > 0
        guessed_P = random.random(len(items)) < self.guess_chance(items.difficulty_P)
        guess_P, follows_P = random.random(len(items)) < 0.5, random.random(len(items)) < TRUST
        if self.remark is None:
            return np.where(guessed_P, guess_P, left_P)
        return np.where(guessed_P | follows_P, self.remark.prefers_left(items, random), left_P)

    def guess_chance(self, difficulty_P: Floats) -> Floats:
        """The chance that an item is too hard, [P]."""
        return np.zeros_like(difficulty_P) if self.skill is None else np.asarray(expit(2 * (difficulty_P - self.skill)))

    def best_of(self, text_AD: Floats, gold_A: Floats, n: int, random: np.random.Generator) -> float:
        """Mean gold of what the judge itself picks out of n texts to a prompt, looking at each once.

        Prompts are of any difficulty; whoever guesses picks any, or what the remark picks.
        """
        felt_A = self.view.reward(text_AD) + self.temperature * random.gumbel(size=len(text_AD))
        own = best_of(felt_A, gold_A, n)
        guessed = float(self.guess_chance(SPREAD).mean())
        if self.remark is None:
            return (1 - guessed) * own + guessed * float(gold_A.mean())
        swayed = guessed + (1 - guessed) * TRUST
        return (1 - swayed) * own + swayed * self.remark.best_of(text_AD, gold_A, n, random)


def judges_of(world: JudgedWorld) -> Mapping[str, Judge]:
    """The judges of a world, by name."""
    views = {"people": world.gold, "model": world.model, "program": world.program, "assisted": world.gold}
    plain = {name: Judge(views[name], TEMPERATURE[name]) for name in ("model", "program")}
    people = {
        name: Judge(views[name], TEMPERATURE[name], SKILL, plain["model"] if name == "assisted" else None)
        for name in ("people", "assisted")
    }
    return {name: {**plain, **people}[name] for name in JUDGES}
