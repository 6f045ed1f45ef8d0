"""Protocols, nothing to inherit: who samples, writes and scores, where feedback comes from, what a loop yields.

Sources yield feedback and all that it names; judges make scores. A reward model, a rule, a comparator are all judges.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from accord.records import Completion, FinishReason, Prompt, Record, Sample, Sampling, Usage

__all__ = ["Chat", "ContextLimited", "Item", "Judge", "Reply", "Sampler", "Scores", "Source", "Step", "Writer"]


@dataclass(frozen=True)
class Scores:
    """What a judge makes of N completions.

    value_N      a number each, higher is better; float64
    std_N        its standard deviation, where the judge has one
    members_NS   S scores of each completion whose mean is the value, where the judge is an ensemble or draws from a
                 posterior; member s is one and the same in all calls. Draws are opposite two by two, s and s + S / 2
    components   scores by objective or by group of people, where the judge has such; each of the same N completions
    credits      where in each completion its value is earned, where the judge says so: (characters up to there, amount)
                 by span, step or token, in any order; the amounts sum to the value
    scale        log-odds that the better of two completions is preferred, per unit of difference, where the judge is a
                 model of preferences
    tokens_N     how many tokens of each completion the judge read, where it has a tokenizer

    Raises `ValueError` where a number is not finite, or shapes or sums do not agree.
    """

    value_N: NDArray[np.float64]
    std_N: NDArray[np.float64] | None = None
    components: Mapping[str, "Scores"] = field(default_factory=dict)
    credits: tuple[tuple[tuple[int, float], ...], ...] | None = None
    scale: float | None = None
    tokens_N: NDArray[np.int64] | None = None
    members_NS: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        _check("scores", self.value_N)
        n = len(self.value_N)
        if self.std_N is not None:
            _check("standard deviations", self.std_N, n, least=0)
        if self.tokens_N is not None:
            _check("numbers of tokens", self.tokens_N, n, kinds="iu", least=0)
        if self.members_NS is not None:
            _check("members", self.members_NS, n, axes=2)
            self._check_members(self.members_NS)
        if self.scale is not None and not np.isfinite(self.scale):
            raise ValueError(f"a scale of {self.scale}")
        for name, component in self.components.items():
            if component.value_N.shape != self.value_N.shape:
                raise ValueError(f"component '{name}' is not one number a completion")
        if self.credits is not None:
            sum_N = np.array([sum(amount for _, amount in earned) for earned in self.credits])
            if sum_N.shape != self.value_N.shape or not np.allclose(sum_N, self.value_N, rtol=1e-4, atol=1e-4):
                raise ValueError("the credits of a completion do not sum to its score")

    def _check_members(self, members_NS: NDArray[np.float64]) -> None:
        if not members_NS.shape[1]:
            raise ValueError(f"members of shape {members_NS.shape}: there are none; leave them out")
        rounding = 1e-4 * max(1.0, float(np.abs(members_NS).max(initial=0.0)))
        if bad := np.flatnonzero(np.abs(members_NS.mean(1) - self.value_N) > rounding).tolist():
            raise ValueError(f"the members of scores {bad[:5]} have another mean than the score")


def _check(
    name: str, array: object, n: int | None = None, *, axes: int = 1, kinds: str = "biuf", least: float = -np.inf
) -> None:
    """Raises `ValueError` where something is no array of finite numbers, one (or a row) of each of `n` completions."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
        shown = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise ValueError(f"{name} are {shown}; make them a numpy array of {'integers' if kinds == 'iu' else 'floats'}")
    if array.ndim != axes or (n is not None and len(array) != n):
        raise ValueError(f"{name} of shape {array.shape}{'' if n is None else f' for {n} completions'}")
    if np.ma.is_masked(array):
        raise ValueError(f"{name} are masked in part; give a number for each completion")
    finite_N = np.isfinite(array).all(tuple(range(1, axes)))
    if not finite_N.all():
        raise ValueError(f"{name} {np.flatnonzero(~finite_N).tolist()[:5]} are not finite")
    if (array < least).any():
        raise ValueError(f"{name} below {least:g}")


class Step(Protocol):
    """What a training loop yields after each of its steps; its numbers are its `metrics`."""

    @property
    def step(self) -> int:
        """Which, from 1."""
        ...

    @property
    def total(self) -> int:
        """Of how many."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Scores completions. `prompts[i]` is what `completions[i]` answers."""

    @property
    def name(self) -> str:
        """How the judge is called in reports and manifests."""
        ...

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """One score a completion, independent of what else is in the call."""
        ...


@runtime_checkable
class Sampler(Protocol):
    """Samples token ids from a policy that is being trained: in this process, or wherever its weights are sent to.

    A trainer asks once a step, when the step before has moved the weights; how the sampler comes by them is its own
    matter.
    """

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """`n` samples of each prompt (token ids), in the order of the prompts.

        Their log-probabilities are those of the distribution that was sampled from.
        """
        ...


@runtime_checkable
class Writer(Protocol):
    """Writes completions: a policy here, a model behind HTTP, a person."""

    @property
    def name(self) -> str:
        """How the writer is called in completions."""
        ...

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """`n` completions for each prompt, in the order of the prompts."""
        ...


@runtime_checkable
class ContextLimited(Protocol):
    """A writer that knows how much it can read."""

    def room(self, prompt: Prompt) -> int:
        """Tokens that an answer to the prompt may have before the context ends; negative where the prompt is over."""
        ...


@dataclass(frozen=True)
class Reply:
    """What a model answered: its text, what that cost (None where nobody counted) and why it ended."""

    text: str
    usage: Usage | None = None
    finish_reason: FinishReason | None = None


@runtime_checkable
class Chat(Protocol):
    """A model that is talked to. Several threads may ask at once."""

    @property
    def name(self) -> str:
        """How the model is called."""
        ...

    def reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        """The answer to a conversation. Raises `ModelError` where there is none."""
        ...


@dataclass(frozen=True)
class Item:
    """What an evaluator is asked about: a prompt and the completions to judge, in the order shown.

    `reference` is what a program holds them against (a stated answer, tests, a schema), as JSON; no person sees it.
    """

    prompt: Prompt
    completions: tuple[Completion, ...]
    reference: Any = field(default=None, hash=False)


@runtime_checkable
class Source(Protocol):
    """Where feedback comes from: a file of others, a program or model that judges, contrasts, the ledger of a desk.

    `ledger.extend(source.records())` keeps what it yields.
    """

    def records(self) -> Iterator[Record]:
        """Evaluators, prompts, completions and feedback; what a record names comes with it, or is in the ledger."""
        ...
