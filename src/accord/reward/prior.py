"""The prior of a fit: how far from their starts weights are expected to be, before anything was said.

With Pr(weights | what was said) proportional to the likelihood times the prior, the fit goes to the maximum of
log-likelihood + log prior, MAP. A normal prior about the start adds (w - start)^2 / (2 std^2) for each weight, which
is weight decay towards the start and not towards 0; the terms of a likelihood have priors of their own parameters.
Where a likelihood has no maximum, as for preferences that a line separates, the sum has one.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from accord.lm.sharding import own_rows
from accord.reward.terms.base import Term
from accord.train import Optimiser
from accord.train.ranks import is_first

__all__ = ["Prior"]


class Prior:
    """Normal priors about where weights are now, each group with its deviation; None is a flat one.

    A loss that is the mean over S members of an ensemble takes a share 1 / S of the prior of what a member has to
    itself: each is a fit of its own then, with one likelihood and one prior. Of what members share it takes the whole.

    `groups` are weights, their deviation, and how many members they are of (1: shared).

    A loss that is the sum over observations divided by `observations`, their weight, is made that of the log-posterior
    by adding each -log prior divided by the same. The starts are kept in the dtype of the weights; make it before a
    checkpoint is taken up.
    """

    def __init__(
        self,
        groups: Sequence[tuple[Sequence[nn.Parameter], float | None, int]],
        terms: nn.ModuleDict,
        *,
        observations: float,
    ) -> None:
        self.terms, self.observations = terms, observations
        self._groups: list[tuple[dict[nn.Parameter, Tensor], float]] = [
            ({weight: weight.detach().clone() for weight in weights}, 1 / (std**2 * members))
            for weights, std, members in groups
            if std is not None
        ]

    def follow(self, moved: Mapping[nn.Parameter, nn.Parameter]) -> None:
        """Be of other weights: those that some were dealt out as, of which each process has its rows."""
        self._groups = [
            ({moved.get(weight, weight): own_rows(start, moved.get(weight, weight)) for weight, start in of.items()}, p)
            for of, p in self._groups
        ]

    def add(self, optimiser: Optimiser) -> float | Tensor:
        """Add the gradient of the share of a step; returns -log prior, up to a constant.

        Where several processes share the step it is the first one's to add.
        """
        shares = [optimiser.pull(starts, precision / self.observations) for starts, precision in self._groups]
        penalty = torch.zeros(())
        for term in self.terms.values():
            if isinstance(term, Term):
                penalty = penalty + term.penalty().cpu()
        if penalty.requires_grad and is_first():
            shares.append(optimiser.add(penalty / self.observations))
        return sum(shares) * self.observations
