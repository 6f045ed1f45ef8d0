"""Runs within a budget of labels: comparing again at a fixed interval, or where the rule finds the reward wrong."""

import numpy as np

from accord.lab.recollection.points import AskedPoint
from accord.lab.recollection.world import DIMENSIONS, Floats, LinearReward, Texts, fit_reward
from accord.lab.worlds import GaussWorld, Normal
from accord.stats.sequential import GRID, batch_ratios, changed_slope, e_value

__all__ = ["BUDGET", "STEPS", "at_intervals", "by_rule", "gold_along"]

STEPS, BUDGET, RATE = 48, 480, 0.15
FIRST, AGAIN, PROBE = 60, 40, 10
"""Labels of the first asking of the rule, of a further one, and of a probe."""
MOVED = 0.4
"""From one probe to the next the policy's mean moves so far: sqrt(2 KL)."""
NEAR = 1.5
"""Probes whose policy was within this distance are learnt from again."""
SLOPES = (0.8, 0.85, 0.9, 0.95, 1.0)
"""How sure one may be of the reward's log-odds, whose doubt is taken into account."""
LEVEL = 0.1


def gold_along(gold: GaussWorld, means: list[Floats]) -> tuple[float, ...]:
    """Gold of the policies with these means, less the start's."""
    start = gold.expected(gold.start)
    return tuple(float(gold.expected(Normal(mean_D, np.ones(DIMENSIONS))) - start) for mean_D in means)


def at_intervals(gold: GaussWorld, every: int, random: np.random.Generator) -> AskedPoint:
    """The budget in equal parts, one every so many steps; each reward learns from the newest alone."""
    mean_D, means = np.zeros(DIMENSIONS), []
    askings = -(-STEPS // every)
    reward: LinearReward | None = None
    for step in range(STEPS):
        if step % every == 0:
            reward = fit_reward(Texts.compared(gold, mean_D, BUDGET // askings, random))
        assert reward is not None
        mean_D = mean_D + RATE * reward.weight_D
        means.append(mean_D)
    labels = BUDGET // askings * askings
    return AskedPoint(how=f"every {every}", gold=gold_along(gold, means), labels=labels, askings=askings - 1)


def by_rule(gold: GaussWorld, random: np.random.Generator) -> AskedPoint:
    """A probe wherever the policy has moved; where all since the last asking speak against the reward, it asks again.

    The policy then goes back to where the last probe did not. What probes near it said is learnt from too.
    """
    run = _ByRule(gold, random)
    means = [run.step() for _ in range(STEPS)]
    return AskedPoint(how="rule", gold=gold_along(gold, means), labels=run.labels, askings=run.askings)


class _ByRule:
    """One run by the rule."""

    def __init__(self, gold: GaussWorld, random: np.random.Generator) -> None:
        self.gold, self.random = gold, random
        self.labels = self.askings = 0
        self._mean_D = self._probed_D = np.zeros(DIMENSIONS)
        self._probes: list[tuple[Floats, Texts]] = []
        self._evidence: list[Floats] = []
        self._answered: list[Floats] = []
        self._reward = fit_reward(self._ask(FIRST))

    def step(self) -> Floats:
        """A step of the policy, after a probe where one is due."""
        if np.linalg.norm(self._mean_D - self._probed_D) >= MOVED and self.labels + PROBE <= BUDGET:
            self._probe()
        self._mean_D = self._mean_D + RATE * self._reward.weight_D
        return self._mean_D

    def _ask(self, number: int) -> Texts:
        number = min(number, BUDGET - self.labels)
        self.labels += number
        return Texts.compared(self.gold, self._mean_D, number, self.random)

    def _probe(self) -> None:
        last_D, self._probed_D = self._probed_D, self._mean_D
        texts = self._ask(PROBE)
        self._probes.append((self._mean_D, texts))
        stated_N = self._reward.logodds(texts)
        self._evidence.append(batch_ratios(stated_N, texts.first_N, SLOPES))
        self._answered.append(np.where(texts.first_N, stated_N, -stated_N))
        if self._e_value() < 1 / LEVEL or self.labels >= BUDGET:
            return
        self._mean_D = self._probed_D = last_D
        near = [texts for at_D, texts in self._probes if np.linalg.norm(at_D - last_D) <= NEAR]
        self._reward = fit_reward(Texts.all_of([self._ask(AGAIN), *near]))
        self._evidence, self._answered = [], []
        self.askings += 1

    def _e_value(self) -> float:
        """As `[loop]` has it: the mean of both tests, of which nothing was held out for the second."""
        return (e_value(self._evidence) + changed_slope(np.zeros(len(GRID)), self._answered)) / 2
