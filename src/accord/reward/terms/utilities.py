"""Pairs under distributional preference learning: a text has a distribution of utility, which people draw from.

Siththaranjan, Laidlaw & Hadfield-Menell (2024), arXiv 2312.08358, section 5: what a reward model does not see (who is
asked, what they have in mind) spreads the utility of a text, and the spread is learnt with the mean.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from accord.feedback import Dataset
from accord.reward.likelihoods import categorical_utilities, normal_utilities
from accord.reward.observations import Observation
from accord.reward.terms.base import Term
from accord.reward.terms.choices import Distribution
from accord.reward.terms.reading import Reading, read_pairs

__all__ = ["Utilities"]


class Utilities(Term):
    """Pairs whose sides' utilities are drawn apart. The output k of the head stands at k * S + s for member s."""

    name = "comparison"

    def __init__(self, distribution: Distribution, *, members: int = 1) -> None:
        super().__init__()
        self.distribution, self.members = distribution, members

    def read(self, data: Dataset, split: str) -> Reading:
        """All pairs of the split, from whichever kind of judgement they were drawn."""
        return read_pairs(data, split)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """By member, [O, S]."""
        device = score_AM.device
        output_ASK = score_AM.unflatten(1, (-1, self.members)).transpose(1, 2)
        chosen_P, rejected_P = torch.tensor(places, device=device).reshape(-1, 2).T
        tie_P1 = torch.tensor([[each.content.tie] for each in observations], device=device)
        chosen_PSK, rejected_PSK = output_ASK[chosen_P], output_ASK[rejected_P]
        if self.distribution == "categorical":
            return categorical_utilities(chosen_PSK, rejected_PSK, tie_P1)
        (mean_PS, log_PS), (other_PS, other_log_PS) = chosen_PSK.unbind(2), rejected_PSK.unbind(2)
        return normal_utilities(mean_PS - other_PS, log_PS.exp() + other_log_PS.exp(), tie_P1)
