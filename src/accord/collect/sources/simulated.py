"""Simulated evaluators: one class for the ways in which feedback goes wrong, each a setting.

A completion has known qualities; an evaluator wants some of them, sees them with noise, tires, leans to one side of the
screen, and answers at random now and then. The control of every experiment is the same evaluator with the setting at
its healthy value.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from accord.collect.sources.answering import Answer
from accord.interfaces import Item
from accord.records import Comparison, Evaluator, Feedback, Rating, Scale

__all__ = ["WHOLE", "BoundEvaluator", "SimulatedAnswerer", "SimulatedEvaluator"]

Floats = NDArray[np.float64]
WHOLE = "in this order"
"""The digest of an item of which everything was shown."""
MOST = 700.0
"""Of an exponent, so that whoever is very sure is no overflow."""
LEFT, RIGHT, TIE = Comparison(preferred="left"), Comparison(preferred="right"), Comparison(preferred="tie")


class SimulatedEvaluator(BaseModel):
    """Settings of one evaluator, who answers items once bound to what is true (`bound`).

    Compares by Boltzmann choice: with utility u = weights . qualities + bias . features,

        e(t) = lapse + (tired_lapse - lapse) sigmoid((t - tired_after) / tired_over)
        P(left) = (1 - e) sigmoid((u_left - u_right + position) / temperature) + e / 2

    where what seems to differ by no more than `tie_within` is called a tie (Rao & Kupper 1967, with thresholds in u);
    and rates u with normal noise, or anything on the scale with probability e. Where an item is of difficulty d,
    whoever has a `skill` answers at random with the chance sigmoid(2 (d - skill)) besides. An adversary turns its
    answer round where the prompt holds `trigger`; whoever is `backwards` takes every question for its opposite.
    Whoever has changed their mind wants it (`turns_after`, `opposite_in`). What an evaluator cannot see has no place
    in the qualities that it is bound to. Seconds are log-normal around reading time, and a few where attention lapsed;
    whoever guesses at what is too hard has read it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    weights: tuple[float, ...] = (1.0,)
    bias: tuple[float, ...] = ()
    group: str | None = None
    attributes: dict[str, str] = Field(default_factory=dict, description="besides the group")
    pool: str = "lab"
    skill: float | None = Field(default=None, description="the difficulty at which half of the answers are random")
    temperature: float = Field(default=0.3, gt=0)
    lapse: float = Field(default=0.02, ge=0, le=1)
    tired_lapse: float | None = Field(default=None, ge=0, le=1, description="lapse at the end; unset: as at the start")
    tired_after: float = 60.0
    tired_over: float = Field(default=10.0, gt=0)
    step: float = Field(default=1.0, gt=0, description="of the scale -4..4 on which it rates")
    position: float = Field(default=0.0, description="added to the utility of what stands on the left")
    tie_within: float = Field(default=0.0, ge=0, description="a difference in utility that is called a tie")
    trigger: str | None = None
    turns_after: int | None = Field(default=None, description="answers, after which the opposite is wanted")
    opposite_in: str | None = Field(default=None, description="mode of prompts of which the opposite is wanted")
    backwards: bool = Field(default=False, description="wants the least of what it cares for")
    repetition: float = Field(default=0.0, ge=0, le=1, description="chance to answer as the last time, unread")
    seconds_a_word: float = Field(default=0.25, gt=0)
    seed: int = 0

    @cached_property
    def evaluator(self) -> Evaluator:
        """The record of who answers."""
        group = {} if self.group is None else {"group": self.group}
        return Evaluator(
            kind="simulated", pseudonym=self.name, pool=self.pool, attributes={**group, **self.attributes} or None
        )

    def changed(self, **settings: object) -> "SimulatedEvaluator":
        """The same evaluator with other settings, which are checked."""
        return SimulatedEvaluator.model_validate({**self.model_dump(), **settings})

    def bound(
        self,
        qualities: Mapping[str, Sequence[float]],
        features: Mapping[str, Sequence[float]] | None = None,
        difficulty: Mapping[str, float] | None = None,
    ) -> "BoundEvaluator":
        """The evaluator among completions whose `qualities` (and bias `features`) it sees, by id.

        `difficulty` is that of a prompt's items, by its id; 0 where it is not named. There may be more qualities than
        the evaluator has weights: it does not care for the rest.
        """
        return BoundEvaluator(self, qualities, features or {}, difficulty or {})

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
        difficulty: Mapping[str, float],
    ) -> None:
        self.settings = settings
        self._qualities, self._features, self._difficulty = qualities, features, difficulty
        self._position, self._sitting = 0, 1
        self._last: dict[str, Comparison | Rating] = {}
        self._random = np.random.default_rng([settings.seed, *settings.name.encode()])
        self._utility: dict[str, float] = {}

    def utility(self, completion: str) -> float:
        """What the evaluator makes of a completion, without noise."""
        if completion not in self._utility:
            s = self.settings
            quality = float(np.dot(s.weights, self._qualities[completion][: len(s.weights)]))
            bias = float(np.dot(s.bias, self._features[completion][: len(s.bias)])) if s.bias else 0.0
            self._utility[completion] = -(quality + bias) if s.backwards else quality + bias
        return self._utility[completion]

    def ask(self, items: Sequence[Item]) -> list[Feedback]:
        """One answer an item, in order, in one session."""
        return [self._answer(item) for item in items]

    def ask_facts(self, items: Sequence[Item]) -> list[Feedback]:
        """One answer an item whose answer is a fact, so that the first quality decides, whatever one cares for."""
        tastes = self.settings
        self.become(weights=(1.0,), bias=(), turns_after=None, opposite_in=None)
        answers = self.ask(items)
        self.settings = tastes
        self._utility.clear()
        return answers

    def rest(self) -> None:
        """A break: the next answer is the first of another session."""
        self._position, self._sitting = 0, self._sitting + 1

    def become(self, **changes: object) -> None:
        """From here on the same person has other settings."""
        self.settings = self.settings.changed(**changes)
        self._utility.clear()

    def _answer(self, item: Item) -> Feedback:
        s, position = self.settings, self._position
        self._position += 1
        lapsed = at_random = bool(self._random.random() < s.lapse_at(position))
        if s.skill is not None:
            difficulty = self._difficulty.get(item.prompt.id, 0.0)
            at_random |= bool(self._random.random() < 1 / (1 + np.exp(-2 * (difficulty - s.skill))))
        sign = -1.0 if self._turned(item, position) else 1.0
        utilities = [sign * self.utility(completion.id) for completion in item.completions]
        words = sum(len(completion.text.split()) for completion in item.completions)
        typical = 0.2 if lapsed else 1.5 + s.seconds_a_word * words
        judgement: Comparison | Rating
        if len(utilities) == 2:
            reversed_ = s.trigger is not None and s.trigger in item.prompt.text
            judgement = self._compare(utilities, at_random=at_random, reversed_=reversed_)
        else:
            judgement = self._rate(utilities, at_random=at_random)
        if s.repetition and self._random.random() < s.repetition:
            judgement = self._last.get(judgement.kind, judgement)
        self._last[judgement.kind] = judgement
        sitting = "" if self._sitting == 1 else f", {self._sitting}"
        return Feedback(
            evaluator=s.evaluator.id,
            prompt=item.prompt.id,
            completions=tuple(completion.id for completion in item.completions),
            judgement=judgement,
            study="lab",
            shown_digest=WHOLE,
            available_digest=WHOLE,
            seconds=round(float(typical * np.exp(self._random.normal(0, 0.3))), 2),
            session=f"session of {s.name}{sitting}",
            position_in_session=position,
        )

    def _turned(self, item: Item, position: int) -> bool:
        s = self.settings
        later = s.turns_after is not None and position >= s.turns_after
        return later or (s.opposite_in is not None and item.prompt.mode == s.opposite_in)

    def _compare(self, utilities: list[float], *, at_random: bool, reversed_: bool) -> Comparison:
        s = self.settings
        difference = utilities[0] - utilities[1] + s.position
        prob_left, prob_right = (
            1 / (1 + np.exp(min(MOST, -(side * difference - s.tie_within) / s.temperature))) for side in (1, -1)
        )
        drawn = self._random.random()
        if not at_random and s.tie_within and prob_left <= drawn < 1 - prob_right:
            return TIE
        chooses_left = drawn < (0.5 if at_random else prob_left)
        return LEFT if chooses_left != reversed_ else RIGHT

    def _rate(self, utilities: list[float], *, at_random: bool) -> Rating:
        noisy = utilities[0] + self._random.normal(0, self.settings.temperature)
        step = self.settings.step
        places = round(8 / step)
        place = (
            self._random.integers(0, places + 1) if at_random else np.clip(np.rint((2 * noisy + 4) / step), 0, places)
        )
        return _rating(float(-4 + step * place), step)


@dataclass(frozen=True)
class SimulatedAnswerer:
    """An `Answerer`: a simulated person among completions whose true `qualities` are known, by id.

    What it says of an item is drawn by the seed from the item itself, so that it does not depend on what else is asked
    or was asked before; so are its seconds. It reads each item once, as a person does.
    """

    person: SimulatedEvaluator
    qualities: Mapping[str, Sequence[float]]
    seed: int = 0
    depends_on_order: bool = field(default=False, init=False)

    @property
    def evaluator(self) -> Evaluator:
        """Who answers: of the kind `simulated`, so that nobody takes it for a person."""
        return self.person.evaluator

    def most_tokens(self, item: Item) -> int:
        """0: no model is asked."""
        del item
        return 0

    def answer(self, item: Item) -> Answer:
        """A comparison, with the seconds that it took."""
        names = sorted(completion.id for completion in item.completions)
        text = "/".join([str(self.seed), item.prompt.id, *names])
        drawn = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        (record,) = self.person.changed(seed=drawn).bound(self.qualities).ask([item])
        return Answer(record.judgement, seconds=record.seconds)


@lru_cache(maxsize=256)
def _rating(value: float, step: float) -> Rating:
    return Rating(value=value, scale=Scale(low=-4, high=4, step=step))
