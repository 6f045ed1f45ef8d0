"""Three protocols, nothing to inherit: who writes, who scores, who asks.

Evaluators make `Feedback`; judges make scores. A reward model, a rule, a comparator are all judges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from accord.records import Completion, Feedback, Prompt, Sampling

__all__ = ["Asker", "Item", "Judge", "Scores", "Writer"]


@dataclass(frozen=True)
class Scores:
    """What a judge makes of N completions.

    value_N    a number each, higher is better; float64
    sd_N       its standard deviation, where the judge has one
    parts      by objective or group, each [N], where the judge has parts
    places     where it counts, where the judge says so: of each completion (characters up to there, what is earned
               there), by span, step or token, in any order; they sum to the value
    """

    value_N: NDArray[np.float64]
    sd_N: NDArray[np.float64] | None = None
    parts: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    places: tuple[tuple[tuple[int, float], ...], ...] | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.value_N).all():
            bad = np.flatnonzero(~np.isfinite(self.value_N)).tolist()
            raise ValueError(f"scores {bad[:5]} are not finite")
        for name, part_N in self.parts.items():
            if part_N.shape != self.value_N.shape or not np.isfinite(part_N).all():
                raise ValueError(f"part '{name}' is not one finite number a completion")
        if self.places is not None:
            sum_N = np.array([sum(worth for _, worth in each) for each in self.places])
            if sum_N.shape != self.value_N.shape or not np.allclose(sum_N, self.value_N, rtol=1e-4, atol=1e-4):
                raise ValueError("what is earned at the places of a completion does not sum to its score")


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
class Writer(Protocol):
    """Writes completions: a policy here, a model behind HTTP, a person."""

    @property
    def name(self) -> str:
        """How the writer is called in completions."""
        ...

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """`n` completions for each prompt, in the order of the prompts."""
        ...


@dataclass(frozen=True)
class Item:
    """What an evaluator is asked about: a prompt and the completions to judge, in the order shown."""

    prompt: Prompt
    completions: tuple[Completion, ...]


@runtime_checkable
class Asker(Protocol):
    """Puts items to evaluators and returns what they said, or None for an item that is still pending."""

    def ask(self, items: Sequence[Item]) -> list[Feedback | None]:
        """One answer an item, in order."""
        ...
