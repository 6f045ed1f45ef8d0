"""Pairs: one of two completions was preferred, or neither."""

from collections.abc import Sequence

import torch
from torch import Tensor

from accord.feedback import Dataset
from accord.reward.likelihoods import bradley_terry
from accord.reward.observations import Observation, of_pair
from accord.reward.terms.base import Reading, Term

__all__ = ["Comparisons"]


class Comparisons(Term):
    """The pairs of a data set under Bradley and Terry (1952)."""

    name = "comparison"

    def read(self, data: Dataset, split: str) -> Reading:
        """All pairs of the split, from whichever kind of judgement they were drawn."""
        return Reading([of_pair(pair) for pair in data.pairs.get(split, ())])

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`bradley_terry` of the margins."""
        margin_PM, tie_P = self.margins(score_AM, observations, places)
        return bradley_terry(margin_PM, tie_P[:, None])

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Chosen less rejected, and which are ties."""
        chosen_P, rejected_P = torch.tensor(places, device=score_AM.device).reshape(-1, 2).T
        tie_P = torch.tensor([observation.content.tie for observation in observations], device=score_AM.device)
        return score_AM[chosen_P] - score_AM[rejected_P], tie_P
