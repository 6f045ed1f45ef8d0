"""Which pairs teach which head of a reward model: members of an ensemble, or a head for each group of people.

Both say, of P pairs, what each weighs for each head, [P, M], and by how much the heads that a pair is about tell its
sides apart, [P].
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from accord.errors import RecipeError
from accord.feedback import Dataset, group_of
from accord.records import Pair
from accord.train.seeds import seed_of

__all__ = ["BootstrapEnsemble", "GroupHeads", "Heads", "build_heads"]


class Heads(Protocol):
    """What fitting asks of either."""

    names: tuple[str, ...]
    count: int

    def weights(self, pairs: Sequence[Pair]) -> Tensor:
        """What each pair weighs for each head, [P, M]; the mean over heads is what it weighs in the loss."""
        ...

    def margin(self, pairs: Sequence[Pair], margin_PM: Tensor) -> Tensor:
        """The margin of each pair by the heads that it is about, [P]."""
        ...


class BootstrapEnsemble:
    """A weight of each evaluator for each member (of each session or prompt, where no evaluator is named)."""

    names: tuple[str, ...] = ()

    def __init__(self, size: int, seed: int) -> None:
        self.count, self.seed = size, seed
        self._draws: dict[str, list[float]] = {}

    def weights(self, pairs: Sequence[Pair]) -> Tensor:
        """The pair's own weight times the draw, whose mean is 1."""
        return torch.tensor([[pair.weight * draw for draw in self._draw(pair)] for pair in pairs])

    def margin(self, pairs: Sequence[Pair], margin_PM: Tensor) -> Tensor:
        """The mean over members."""
        return margin_PM.mean(1)

    def _draw(self, pair: Pair) -> list[float]:
        if self.count == 1:
            return [1.0]
        unit = pair.evaluator or pair.session or pair.prompt
        if unit not in self._draws:
            generator = np.random.default_rng(seed_of(self.seed, "members", unit))
            self._draws[unit] = generator.exponential(size=self.count).tolist()
        return self._draws[unit]


class GroupHeads:
    """A head for each value of an attribute of evaluators. Whose value is not known teaches all heads alike."""

    def __init__(self, names: tuple[str, ...], group_of: Mapping[str, str | None]) -> None:
        self.names, self.count, self._group_of = names, len(names), group_of

    def weights(self, pairs: Sequence[Pair]) -> Tensor:
        """The pair's own weight, all of it for the head of its evaluator's group."""
        return torch.tensor([[pair.weight * share for share in self._share(pair)] for pair in pairs])

    def margin(self, pairs: Sequence[Pair], margin_PM: Tensor) -> Tensor:
        """That of the head of its evaluator's group."""
        share_PM = torch.tensor([self._share(pair) for pair in pairs], device=margin_PM.device)
        return (share_PM * margin_PM).mean(1)

    def _share(self, pair: Pair) -> list[float]:
        group = self._group_of.get(pair.evaluator or "")
        return [1.0 if group is None else float(self.count * (name == group)) for name in self.names]


def build_heads(
    data: Dataset, pairs: Sequence[Pair], *, group_by: str | None, ensemble_size: int, seed: int, stage: str
) -> Heads:
    """The heads that the pairs teach. Raises `RecipeError` where there are not two groups to tell apart."""
    if group_by is None:
        return BootstrapEnsemble(ensemble_size, seed)
    if ensemble_size > 1:
        raise RecipeError(
            f"{stage}: group_by = '{group_by}' makes a head for each group, "
            f"ensemble_size = {ensemble_size} an ensemble; drop one"
        )
    evaluators = {pair.evaluator for pair in pairs if pair.evaluator is not None}
    groups = {name: group_of(data.evaluators[name], group_by) for name in evaluators}
    names = tuple(sorted({group for group in groups.values() if group is not None}))
    if len(names) < 2:
        known = f"all are '{names[0]}'" if names else "no evaluator has it"
        raise RecipeError(f"{stage}: group_by = '{group_by}', and {known}; groups need two values at least")
    return GroupHeads(names, groups)
