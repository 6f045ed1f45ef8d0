"""Rankings, whole: what is better than all that is left, again and again."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.reward.likelihoods import gaussian, plackett_luce
from accord.reward.observations import Observation
from accord.reward.terms.acts import padded
from accord.reward.terms.base import Term
from accord.reward.terms.reading import Reading, ranked_in, read_rankings

__all__ = ["Rankings"]

PRIOR_STD = 2.0  # of the log of how often a tier of each size is called


class Rankings(Term):
    """Rankings with tiers under Plackett and Luce, ties as Davidson has them (`plackett_luce`).

    With `comparisons`, comparisons are rankings of two. `largest` is that of the tiers; where it is 1 the model knows
    no ties. `tie` are the logs of delta_2 to delta_largest, their prior normal about 0 with deviation 2.
    """

    name = "ranking"

    def __init__(self, largest: int = 1, *, comparisons: bool = False) -> None:
        super().__init__()
        self.comparisons = comparisons
        self.tie = nn.Parameter(torch.zeros(largest - 1)) if largest > 1 else None

    @classmethod
    def of(cls, data: Dataset, *, comparisons: bool = False) -> "Rankings":
        """The term for a data set, of whose tiers the largest is one that may be called."""
        entries = (entry for split in data.feedback for entry in ranked_in(data, split, comparisons))
        largest = max((len(tier) for _, tiers in entries for tier in tiers), default=1)
        return cls(largest, comparisons=comparisons)

    def read(self, data: Dataset, split: str) -> Reading:
        """The rankings of the split that are of two completions at least."""
        return read_rankings(data, split, comparisons=self.comparisons)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`plackett_luce` of the tiers."""
        device = score_AM.device
        tiers = [[len(tier) for tier in each.content] for each in observations]
        size_OI = padded([[size for size in row for _ in range(size)] for row in tiers], 0, device)
        first_OI = padded([[int(k == 0) for size in row for k in range(size)] for row in tiers], 0, device) > 0
        score_OIM = score_AM[padded(places, 0, device)]
        log_tie_D = torch.zeros(1, device=device)
        if self.tie is not None:
            log_tie_D = torch.cat([log_tie_D, self.tie])
        return plackett_luce(score_OIM.transpose(1, 2), size_OI, first_OI, log_tie_D)

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """One of the best tier less one of the worst; ties are rankings of one tier."""
        best_O = torch.tensor([row[0] for row in places], device=score_AM.device)
        worst_O = torch.tensor([row[-1] for row in places], device=score_AM.device)
        tie_O = torch.tensor([len(each.content) == 1 for each in observations], device=score_AM.device)
        return score_AM[best_O] - score_AM[worst_O], tie_O

    def penalty(self) -> Tensor:
        """Of how often each tie is called."""
        return torch.zeros(()) if self.tie is None else gaussian([self.tie], [torch.zeros_like(self.tie)], PRIOR_STD)
