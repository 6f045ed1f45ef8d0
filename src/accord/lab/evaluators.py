"""Simulated evaluators: one class for the ways in which feedback goes wrong, each a setting.

A completion has known qualities; an evaluator wants some of them, sees them with noise, tires, leans to one side of the
screen, and answers at random now and then. The control of every experiment is the same evaluator with the setting at
its healthy value.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from accord.interfaces import Item
from accord.records import Comparison, Evaluator, Feedback, Rating, Scale

__all__ = ["BoundEvaluator", "SimulatedEvaluator"]

Floats = NDArray[np.float64]


class SimulatedEvaluator(BaseModel):
    """Settings of one evaluator, who answers items once bound to what is true (`bound`).

    Compares by Boltzmann choice: with utility u = weights . qualities + bias . features,

        e(t) = lapse + (tired_lapse - lapse) sigmoid((t - tired_after) / tired_over)
        P(left) = (1 - e) sigmoid((u_left - u_right + position) / temperature) + e / 2

    and rates u with normal noise, or anything on the scale with probability e. An adversary turns its answer round
    where the prompt holds `trigger`. Seconds are log-normal around reading time, and a few where attention lapsed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: tuple[float, ...] = (1.0,)
    bias: tuple[float, ...] = ()
    group: str | None = None
    temperature: float = Field(default=0.3, gt=0)
    lapse: float = Field(default=0.02, ge=0, le=1)
    tired_lapse: float | None = Field(default=None, ge=0, le=1, description="lapse at the end; unset: as at the start")
    tired_after: float = 60.0
    tired_over: float = Field(default=10.0, gt=0)
    position: float = Field(default=0.0, description="added to the utility of what stands on the left")
    trigger: str | None = None
    seconds_a_word: float = Field(default=0.25, gt=0)
    seed: int = 0

    @property
    def evaluator(self) -> Evaluator:
        """The record of who answers."""
        attributes = None if self.group is None else {"group": self.group}
        return Evaluator(kind="simulated", pseudonym=self.name, pool="lab", attributes=attributes)

    def changed(self, **settings: object) -> "SimulatedEvaluator":
        """The same evaluator with other settings, which are checked."""
        return SimulatedEvaluator.model_validate({**self.model_dump(), **settings})

    def bound(
        self, qualities: Mapping[str, Sequence[float]], features: Mapping[str, Sequence[float]] | None = None
    ) -> "BoundEvaluator":
        """The evaluator among completions whose `qualities` (and bias `features`) are known, by id."""
        return BoundEvaluator(self, qualities, features or {})

    def lapse_at(self, position: int) -> float:
        """The probability of a random answer at a position in the session."""
        if self.tired_lapse is None:
            return self.lapse
        tired = 1 / (1 + np.exp(-(position - self.tired_after) / self.tired_over))
        return float(self.lapse + (self.tired_lapse - self.lapse) * tired)


class BoundEvaluator:
    """Answers items of two completions by comparing them, items of one by rating it."""

    def __init__(
        self,
        settings: SimulatedEvaluator,
        qualities: Mapping[str, Sequence[float]],
        features: Mapping[str, Sequence[float]],
    ) -> None:
        self.settings = settings
        self._qualities, self._features = qualities, features
        self._position = 0
        self._random = np.random.default_rng([settings.seed, *settings.name.encode()])

    def utility(self, completion: str) -> float:
        """What the evaluator makes of a completion, without noise."""
        s = self.settings
        quality = float(np.dot(s.weights, self._qualities[completion]))
        return quality + (float(np.dot(s.bias, self._features[completion])) if s.bias else 0.0)

    def ask(self, items: Sequence[Item]) -> list[Feedback]:
        """One answer an item, in order, in one session."""
        return [self._answer(item) for item in items]

    def _answer(self, item: Item) -> Feedback:
        s, position = self.settings, self._position
        self._position += 1
        at_random = bool(self._random.random() < s.lapse_at(position))
        utilities = [self.utility(completion.id) for completion in item.completions]
        words = sum(len(completion.text.split()) for completion in item.completions)
        typical = 0.2 if at_random else 1.5 + s.seconds_a_word * words
        judgement: Comparison | Rating
        if len(utilities) == 2:
            reversed_ = s.trigger is not None and s.trigger in item.prompt.text
            judgement = self._compare(utilities, at_random=at_random, reversed_=reversed_)
        else:
            judgement = self._rate(utilities, at_random=at_random)
        return Feedback(
            evaluator=s.evaluator.id,
            prompt=item.prompt.id,
            completions=tuple(completion.id for completion in item.completions),
            judgement=judgement,
            study="lab",
            shown_digest="in this order",
            seconds=round(float(typical * np.exp(self._random.normal(0, 0.3))), 2),
            session=f"session of {s.name}",
            position_in_session=position,
        )

    def _compare(self, utilities: list[float], *, at_random: bool, reversed_: bool) -> Comparison:
        s = self.settings
        prob_left = 1 / (1 + np.exp(-(utilities[0] - utilities[1] + s.position) / s.temperature))
        chooses_left = self._random.random() < (0.5 if at_random else prob_left)
        return Comparison(preferred="left" if chooses_left != reversed_ else "right")

    def _rate(self, utilities: list[float], *, at_random: bool) -> Rating:
        noisy = utilities[0] + self._random.normal(0, self.settings.temperature)
        value = self._random.integers(-4, 5) if at_random else np.clip(np.rint(2 * noisy), -4, 4)
        return Rating(value=float(value), scale=Scale(low=-4, high=4, step=1))
