"""The heads of a reward model: a head for each group of people, each an ensemble of members.

Output k * S + s of a model with S members is that of member s for group k. Each member weighs every evaluator's
judgements by a draw of its own from an exponential distribution (the Bayesian bootstrap, Rubin 1981), so members differ
as if other people had been asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from accord.errors import RecipeError
from accord.feedback import Dataset, group_of
from accord.train.seeds import seed_of

__all__ = ["Heads", "build_heads"]


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


class Heads:
    """Which observations teach which output: K groups (one, unnamed, for everybody) times S members.

    Whose group is not known teaches all groups alike. A member's draw is by evaluator; by session or prompt where no
    evaluator is named.
    """

    def __init__(
        self,
        *,
        members: int = 1,
        seed: int = 0,
        names: tuple[str, ...] = (),
        group_of: Mapping[str, str | None] | None = None,
    ) -> None:
        self.members, self.seed, self.names = members, seed, names
        self._group_of = group_of or {}
        self._draws: dict[str, list[float]] = {}

    @property
    def groups(self) -> int:
        """K."""
        return max(1, len(self.names))

    @property
    def count(self) -> int:
        """M = K * S outputs."""
        return self.groups * self.members

    def weights(self, observations: Sequence[Statement]) -> Tensor:
        """What each of O observations weighs for each output, [O, M]; the mean over outputs is its own weight times
        its draws, whose mean is 1.
        """
        return torch.tensor(
            [
                [each.weight * share * draw for share in self._shares(each) for draw in self._draw(each)]
                for each in observations
            ]
        )

    def mean(self, observations: Sequence[Statement], value_OM: Tensor) -> Tensor:
        """The mean of each observation's numbers over the outputs that it is about, [O]."""
        share_OM = torch.tensor([[s for s in self._shares(each) for _ in range(self.members)] for each in observations])
        return (share_OM.to(value_OM.device) * value_OM).mean(1)

    def _shares(self, statement: Statement) -> list[float]:
        """What it counts for each group; their mean is 1."""
        group = self._group_of.get(statement.evaluator or "")
        if group is None:
            return [1.0] * self.groups
        return [float(self.groups * (name == group)) for name in self.names]

    def _draw(self, statement: Statement) -> list[float]:
        if self.members == 1:
            return [1.0]
        unit = statement.evaluator or statement.session or statement.prompt
        if unit not in self._draws:
            generator = np.random.default_rng(seed_of(self.seed, "members", unit))
            self._draws[unit] = generator.exponential(size=self.members).tolist()
        return self._draws[unit]


def build_heads(
    data: Dataset, observations: Iterable[Statement], *, group_by: str | None, ensemble_size: int, seed: int, stage: str
) -> Heads:
    """The heads that observations teach. Raises `RecipeError` where there are not two groups to tell apart."""
    if group_by is None:
        return Heads(members=ensemble_size, seed=seed)
    evaluators = {each.evaluator for each in observations if each.evaluator is not None}
    groups = {name: group_of(data.evaluators[name], group_by) for name in evaluators}
    names = tuple(sorted({group for group in groups.values() if group is not None}))
    if len(names) < 2:
        known = f"all are '{names[0]}'" if names else "no evaluator has it"
        raise RecipeError(f"{stage}: group_by = '{group_by}', and {known}; groups need two values at least")
    return Heads(members=ensemble_size, seed=seed, names=names, group_of=groups)
