"""The heads of a reward model: a head for everybody, for each group of people or for each person, each an ensemble.

Output k * S + s of a model with S members is that of member s for component k. Each member weighs every evaluator's
judgements by a draw of its own from an exponential distribution (the Bayesian bootstrap, Rubin 1981), so members differ
as if other people had been asked.

With partial pooling a component's head is a head that all share plus a deviation of its own, w_k = w_0 + v_k, where v_k
has the prior N(0, sd^2 / D I) over D features of about unit size: sd is by how much its scores are expected to deviate,
in log-odds. Whoever said little stays near the shared head, whoever said much is heard (Gelman & Hill 2007, chapter
12). At the optimum the deviations sum to 0: the shared head is the mean person. An answer whose evaluator has no head
teaches the shared one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from accord.feedback import Dataset, is_known
from accord.lm.reward_model import SHARED, ScalarHeadModel
from accord.reward.observations import Observation
from accord.reward.terms.base import Term
from accord.train.seeds import seed_of

__all__ = ["Heads", "ObjectiveHeads", "unrecorded"]


def unrecorded(data: Dataset) -> frozenset[str]:
    """The evaluators, by id, of whom it was not recorded who they are: each stands for any number of people."""
    return frozenset(name for name, each in data.evaluators.items() if not is_known(each))


class Statement(Protocol):
    """What is read of an observation here: who said it, of which prompt, and what it weighs."""

    @property
    def prompt(self) -> str: ...
    @property
    def evaluator(self) -> str | None: ...
    @property
    def session(self) -> str | None: ...
    @property
    def weight(self) -> float: ...


@dataclass(frozen=True)
class _Readings:
    """Each observation once for each component that it teaches: T readings, of rows of scores by the S members."""

    score_RS: Tensor
    observations: list[Observation]
    places: list[list[int]]
    owner_T: Tensor
    share_T: Tensor


class Heads:
    """Which observations teach which output: K components (one, unnamed, for everybody) times S members.

    names        the groups, or persons
    group_of     to which of them each evaluator belongs, by id
    pooling_sd   how far scores of components are expected to lie from the shared ones, log-odds; None: they share
                 nothing but the decoder, and whose component is not known teaches all of them alike
    unrecorded   evaluators, by id, that stand for any number of people

    With pooling the first component is `shared`. A member's draw is by evaluator; by session or prompt where none is
    named, or it was not recorded who it was.
    """

    def __init__(
        self,
        *,
        members: int = 1,
        seed: int = 0,
        names: tuple[str, ...] = (),
        group_of: Mapping[str, str | None] | None = None,
        pooling_sd: float | None = None,
        unrecorded: Collection[str] = (),
    ) -> None:
        self.members, self.seed, self.pooling_sd = members, seed, pooling_sd
        self.unrecorded = frozenset(unrecorded)
        self.names = names if pooling_sd is None else (SHARED, *names)
        self._row_of = {name: row for row, name in enumerate(self.names)}
        self._group_of = group_of or {}
        self._draws: dict[str, list[float]] = {}

    @property
    def components(self) -> int:
        """K."""
        return max(1, len(self.names))

    @property
    def people(self) -> Mapping[str, float]:
        """How many evaluators each component has."""
        return Counter(name for name in self._group_of.values() if name is not None)

    @property
    def count(self) -> int:
        """M = K * S outputs."""
        return self.components * self.members

    def prepare(self, judge: ScalarHeadModel) -> None:
        """Make a new model's head one with deviations, all 0, where there is pooling."""
        if self.pooling_sd is not None:
            for name in ("weight", "bias"):
                register_parametrization(judge.head, name, _Deviations(self.members))

    @torch.no_grad()
    def set_outputs(self, judge: ScalarHeadModel, name: str, value: Tensor) -> None:
        """Set the `weight` or the `bias` of all outputs, [M, ...]; with pooling as deviations from the shared."""
        if self.pooling_sd is None:
            judge.head.get_parameter(name).copy_(value)
            return
        by_component = value.reshape(self.components, self.members, *value.shape[1:]).clone()
        by_component[1:] -= by_component[:1]
        self._original(judge, name).copy_(by_component.flatten(0, 1))

    def nll(
        self, term: Term, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> Tensor:
        """The weighted negative log-likelihood of each observation under the heads that it teaches, [O]."""
        readings = self._read(score_AM, observations, places)
        nll_TS = term.nll(readings.score_RS, readings.observations, readings.places)
        self.note(observations, readings.owner_T, nll_TS.detach().mean(1))
        weight_OS = self.weights(observations).to(nll_TS.device)
        value_T = readings.share_T * (weight_OS[readings.owner_T] * nll_TS).mean(1)
        return _by_owner(value_T, readings.owner_T, len(observations))

    def margins(
        self, term: Term, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor] | None:
        """By the heads that each observation teaches: chosen less rejected, and whether neither was, [O] both."""
        readings = self._read(score_AM, observations, places)
        margins = term.margins(readings.score_RS, readings.observations, readings.places)
        if margins is None:
            return None
        margin_TS, tie_T = margins
        tie_O = torch.zeros(len(observations), dtype=torch.bool, device=tie_T.device)
        tie_O[readings.owner_T] = tie_T
        return _by_owner(readings.share_T * margin_TS.mean(1), readings.owner_T, len(observations)), tie_O

    def prior(self, judge: ScalarHeadModel) -> Tensor:
        """Minus the log prior of the deviations, the mean over members, up to a constant; nats."""
        if self.pooling_sd is None:
            return torch.zeros((), device=judge.causal.device)
        deviation_ND, bias_N = (self._original(judge, name)[self.members :] for name in ("weight", "bias"))
        squares: Tensor = deviation_ND.shape[1] * deviation_ND.square().sum() + bias_N.square().sum()
        return squares / (2 * self.pooling_sd**2 * self.members)

    @staticmethod
    def _original(judge: ScalarHeadModel, name: str) -> Tensor:
        original: Tensor = judge.head.get_parameter(f"parametrizations.{name}.original")
        return original

    def weights(self, observations: Sequence[Statement]) -> Tensor:
        """What each of O observations weighs for each member, [O, S]: its weight times draws, whose mean is 1."""
        return torch.tensor([[each.weight * draw for draw in self._draw(each)] for each in observations])

    def shares(self, statement: Statement) -> dict[int, float]:
        """Which components it teaches, and how much of it each; they sum to 1."""
        name = self._group_of.get(statement.evaluator or "")
        if name is not None:
            return {self._row_of[name]: 1.0}
        if self.pooling_sd is not None:
            return {0: 1.0}
        return dict.fromkeys(range(self.components), 1 / self.components)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept, and keep there what changes; nothing does here."""

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Keep with a model, whose components are called `names`, who belongs to which, where that was learnt."""

    def note(self, observations: Sequence[Observation], owner_T: Tensor, nll_T: Tensor) -> None:
        """Hears how likely each observation was by each component that it teaches; nothing is made of it here."""

    def _read(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> _Readings:
        device = score_AM.device
        if self.components == 1:
            own = torch.arange(len(observations), device=device)
            rows = [list(row) for row in places]
            return _Readings(score_AM, list(observations), rows, own, torch.ones(len(own), device=device))
        taught = [(o, k, share) for o, each in enumerate(observations) for k, share in self.shares(each).items()]
        row_R = torch.tensor([row for o, _, _ in taught for row in places[o]], device=device)
        component_R = torch.tensor([k for o, k, _ in taught for _ in places[o]], device=device)
        ends = np.cumsum([0, *(len(places[o]) for o, _, _ in taught)])
        return _Readings(
            score_AM.reshape(len(score_AM), self.components, self.members)[row_R, component_R],
            [observations[o] for o, _, _ in taught],
            [list(range(ends[t], ends[t + 1])) for t in range(len(taught))],
            torch.tensor([o for o, _, _ in taught], device=device),
            torch.tensor([share for _, _, share in taught], device=device),
        )

    def _draw(self, statement: Statement) -> list[float]:
        if self.members == 1:
            return [1.0]
        evaluator = None if statement.evaluator in self.unrecorded else statement.evaluator
        unit = evaluator or statement.session or statement.prompt
        if unit not in self._draws:
            generator = np.random.default_rng(seed_of(self.seed, "members", unit))
            self._draws[unit] = generator.exponential(size=self.members).tolist()
        return self._draws[unit]


class ObjectiveHeads(Heads):
    """Heads whose components are objectives: every observation is read by the outputs of all of them together."""

    def nll(
        self, term: Term, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> Tensor:
        """The weighted negative log-likelihood of each observation, [O], the mean over members of the term's [O, S]."""
        nll_OS = term.nll(score_AM, observations, places)
        return (self.weights(observations).to(nll_OS.device) * nll_OS).mean(1)

    def margins(
        self, term: Term, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor] | None:
        """None: no objective alone says which of two is better."""
        return None


class _Deviations(nn.Module):
    """The heads [K * S, ...] of a shared component, which comes first, and of the others: shared plus deviation."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, original: Tensor) -> Tensor:
        """The heads, of the shared ones and the deviations."""
        shared = original[: self.members]
        by_component = original[self.members :].reshape(-1, *shared.shape) + shared
        return torch.cat([shared, by_component.flatten(0, 1)])

    def right_inverse(self, heads: Tensor) -> Tensor:
        """New heads begin at the shared one, without deviations."""
        start = torch.zeros_like(heads)
        start[: self.members] = heads[: self.members]
        return start


def _by_owner(value_T: Tensor, owner_T: Tensor, observations: int) -> Tensor:
    return value_T.new_zeros(observations).index_add(0, owner_T, value_T)
