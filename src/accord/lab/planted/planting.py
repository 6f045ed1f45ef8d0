"""A run while it is planted: what all its parts share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.errors import AccordError
from accord.feedback import Dataset, Ledger
from accord.lab.lexicon import Policy, WordJudge, features, truth
from accord.lab.planted.worlds import World
from accord.lab.settings import S
from accord.records import Completion
from accord.run import RunDirectory

__all__ = ["FEATURES_OF_BIAS", "Planting"]

FEATURES_OF_BIAS = ("gender", "confidence", "length")
"""What `SimulatedEvaluator.bias` weighs, in this order; `length` is in sixes of words more than usual."""


class Spoiling(Protocol):
    """What a fault does to a run while it is planted: the methods of `Fault`, which say what each is for."""

    def evaluators(self, panel: Sequence[SimulatedEvaluator]) -> Sequence[SimulatedEvaluator]: ...

    def dataset(self, data: Dataset, random: np.random.Generator) -> Dataset: ...

    def reward_model(self, judge: WordJudge) -> WordJudge: ...

    def pressure(self, healthy: float) -> float: ...

    def overshoot(self) -> float: ...

    def part(self, settings: S) -> S: ...


@dataclass
class Planting:
    """What a part of a planted run reads, and where it writes.

    run      the new run
    ledger   what people said before the run; the run has read it to its end when `data` is there
    audit_ledger  what they were asked after it, about its own samples or anew (`accord audit --audit-ledger`)
    data     what was drawn from the ledger and divided; there once the ledger is written
    beside   runs of the same recipe with other seeds
    policies the policy at each step, the start first; there once it was trained
    released what its evaluation is written by: the last of them, or one that writes otherwise than it learnt
    notes    what a part keeps for the gold statistic of a fault: nothing of it is in the run
    """

    run: RunDirectory
    ledger: Ledger
    audit_ledger: Ledger
    fault: Spoiling
    world: World
    seed: int
    beside: list[Path] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    released: Policy | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    _data: Dataset | None = None

    @property
    def data(self) -> Dataset:
        """What was drawn. Raises `AccordError` before that."""
        if self._data is None:
            raise AccordError("the data of a planted run are not there before its ledger is written")
        return self._data

    @data.setter
    def data(self, data: Dataset) -> None:
        self._data = data

    @cached_property
    def start(self) -> Policy:
        """Who wrote the texts that people judge before the run."""
        return Policy.start(*self.world.lengths)

    @cached_property
    def judges(self) -> dict[str, WordJudge]:
        """The reward model and the independent judge, as an audit is handed them."""
        return {
            "reward": self.fault.reward_model(WordJudge("reward", seed=self.seed)),
            "eval_reward": WordJudge("judge", seed=self.seed),
        }

    def random(self, name: str) -> np.random.Generator:
        """A stream of random numbers of that name: what one part draws moves no other part."""
        return np.random.default_rng([self.seed, *name.encode()])

    def settings(self, healthy: S) -> S:
        """The settings of a part, as the fault changes them."""
        return self.fault.part(healthy)

    def person(self, name: str, **changes: object) -> SimulatedEvaluator:
        """A healthy evaluator of this world."""
        healthy = SimulatedEvaluator(
            name=name, seed=self.seed, temperature=self.world.temperature, step=self.world.step
        )
        return healthy.changed(**changes) if changes else healthy

    def qualities(self, completions: list[Completion]) -> dict[str, list[float]]:
        """By id, what a text is worth and how formal it is: what `SimulatedEvaluator.weights` weigh."""
        return {one.id: [truth(one.text), features(one.text)["style"]] for one in completions}

    def biases(self, completions: list[Completion]) -> dict[str, list[float]]:
        """By id, `FEATURES_OF_BIAS`: what `SimulatedEvaluator.bias` weighs."""
        usual = sum(self.world.lengths) / 2
        values = {}
        for one in completions:
            of_text = features(one.text) | {"length": (len(one.text.split()) - usual) / 6}
            values[one.id] = [of_text[name] for name in FEATURES_OF_BIAS]
        return values
