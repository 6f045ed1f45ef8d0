"""Samples of steps to come, asked for before the weights have moved: the next ones are written while a step learns.

With `ahead` = s, the samples of step t are written by the weights of step max(0, t - 1 - s), wherever they are written:
each step asks for those of the step s after it, and learns from what was asked for s steps before. With 0 they are the
policy's own. What was asked for and not learnt from is kept with each checkpoint, for the weights that write it are
gone by then: a run that goes on has the same numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from accord.deferred import deferred
from accord.records import Sample, Sampling
from accord.train.ranks import from_first, is_first

with deferred():
    from torch import Tensor, nn

__all__ = [
    "HEAD",
    "Elsewhere",
    "GivenSamples",
    "Handover",
    "Pending",
    "RemoteSampler",
    "SamplesAhead",
    "Written",
    "named_weights",
]

HEAD = "value_head."
"""What the names of a value head's weights begin with, among those that are handed over."""

_KEY = "samples_ahead"


class Handover(NamedTuple):
    """The way of weights to whoever samples: their bytes, and the seconds until the last one had read them."""

    size: int
    seconds: float


class Written(NamedTuple):
    """Samples of some prompts; `weights_step` is the step after which the weights were that wrote them."""

    groups: list[list[Sample]]
    weights_step: int
    handover: Handover | None = None

    def result(self) -> "Written":
        """Itself: nothing is waited for."""
        return self

    def own(self) -> "Written":
        """Itself."""
        return self


class Pending(Protocol):
    """Samples that are being written."""

    def result(self) -> Written:
        """They, in every process that shares the stage, when all are there."""
        ...

    def own(self) -> Written:
        """They, in the first process alone."""
        ...


class RemoteSampler(Protocol):
    """What samples elsewhere, from weights that are handed over."""

    def begin(
        self,
        weights: Mapping[str, Tensor],
        weights_step: int,
        prompts: Sequence[Sequence[int]],
        n: int,
        sampling: Sampling,
    ) -> Callable[[], Written]:
        """Begin to write `n` samples of each prompt, as `accord.lm.generate.generate` does; gives what waits for them.

        `weights` are those of `named_weights`, as they are after the step `weights_step`; where a value head is among
        them, it reads values for the samples.
        """
        ...


@dataclass(frozen=True)
class Elsewhere:
    """Samples for which the first process waits; the others have them of it."""

    wait: Callable[[], Written]

    def result(self) -> Written:
        """In every process, of the first one."""
        return from_first(self.wait)

    def own(self) -> Written:
        """In the first one."""
        return self.wait()


@dataclass(frozen=True)
class GivenSamples:
    """A `Sampler` of what was written before."""

    groups: list[list[Sample]]

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """What was written."""
        return self.groups


class SamplesAhead:
    """Which samples were asked for, and are learnt from in their turn.

    begin   has the samples of a step written, by the weights as they are, which are those after another step
    ahead   how many steps before it is learnt from a sample is asked for
    total   the last step
    state   of the stage, kept with its checkpoints
    """

    def __init__(self, begin: Callable[[int, int], Pending], *, ahead: int, total: int, state: dict[str, Any]) -> None:
        self._begin, self._ahead, self._total, self._state = begin, ahead, total, state
        self._pending: dict[int, Pending] = {int(step): _read(row) for step, row in state.get(_KEY, {}).items()}

    def take(self, step: int) -> Written:
        """The samples of a step, when they are there; those of the steps after it are asked for first."""
        self._pending = {number: each for number, each in self._pending.items() if number >= step}
        for number in range(step, min(step + self._ahead, self._total) + 1):
            if number not in self._pending:
                self._pending[number] = self._begin(number, step - 1)
        return self._pending[step].result()

    def keep(self, done: int) -> None:
        """Put what was asked for of steps after `done` into the state, which is about to be kept, when it is there."""
        if not is_first():  # the first process keeps it
            return
        self._state.pop(_KEY, None)
        rows = {str(step): _row(each.own()) for step, each in self._pending.items() if step > done}
        if rows:
            self._state[_KEY] = rows


def _row(written: Written) -> dict[str, Any]:
    groups = [[sample.model_dump(mode="json", exclude_none=True) for sample in group] for group in written.groups]
    return {"weights_step": written.weights_step, "groups": groups}


def _read(row: Mapping[str, Any]) -> Written:
    groups = [[Sample.model_validate(sample, strict=False) for sample in group] for group in row["groups"]]
    return Written(groups, row["weights_step"])


def named_weights(model: nn.Module, head: nn.Linear | None = None) -> dict[str, Tensor]:
    """The weights of a model that training moves, by name; whole ones where each process holds a part.

    With those of a value head, behind `HEAD`.
    """
    weights = {
        name: weight.full_tensor() if hasattr(weight, "full_tensor") else weight.detach()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }
    if head is not None:
        weights |= {f"{HEAD}{name}": weight.detach() for name, weight in head.named_parameters()}
    return weights
