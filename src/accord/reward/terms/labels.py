"""Labels: which of some options hold of a completion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.records import Label
from accord.reward.likelihoods import gaussian, logistic
from accord.reward.observations import Observation
from accord.reward.terms.base import Term
from accord.reward.terms.reading import Reading, read_labels

__all__ = ["LabelItems", "LabelOutputs", "options_of"]


class LabelOutputs(Term):
    """An output of the head for each of K options, the log-odds that it holds.

    Options that an evaluator was not offered say nothing. The output of option k stands at k * S + s for member s.
    """

    name = "label"

    def __init__(self, options: Sequence[str], *, members: int = 1) -> None:
        super().__init__()
        self.options, self.members = tuple(options), members

    def read(self, data: Dataset, split: str) -> Reading:
        """The labels of the split."""
        return read_labels(data, split)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`logistic` of the outputs, summed over options, by member, [O, S]."""
        device = score_AM.device
        holds_OK, asked_OK = _answers(self.options, [each.content for each in observations], device)
        logit_OKS = score_AM[torch.tensor(places, device=device)[:, 0]].unflatten(1, (-1, self.members))
        nll_OKS = logistic(logit_OKS, holds_OK[:, :, None])
        return torch.where(asked_OK[:, :, None], nll_OKS, 0.0).sum(1)


class LabelItems(Term):
    """Options as items of a test, which one reward answers: P(option holds) = F(intercept + slope * reward).

    The two-parameter logistic model of Birnbaum (1968); a slope may have either sign, and its sign is known by what
    else is learnt from. The priors of intercepts (deviation 2) and slopes (deviation 1) are normal about 0.
    """

    name = "label"

    def __init__(self, options: Sequence[str]) -> None:
        super().__init__()
        self.options = tuple(options)
        self.intercept = nn.Parameter(torch.zeros(len(options)))
        self.slope = nn.Parameter(torch.zeros(len(options)))

    def read(self, data: Dataset, split: str) -> Reading:
        """The labels of the split."""
        return read_labels(data, split)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """The sum over options of `logistic`."""
        device = score_AM.device
        holds_OK, asked_OK = _answers(self.options, [each.content for each in observations], device)
        score_OM = score_AM[torch.tensor(places, device=device)[:, 0]]
        logit_OMK = self.intercept + self.slope * score_OM[:, :, None]
        return torch.where(asked_OK[:, None], logistic(logit_OMK, holds_OK[:, None]), 0.0).sum(2)

    def penalty(self) -> Tensor:
        """Of intercepts and slopes."""
        nothing = [torch.zeros_like(self.slope)]
        return gaussian([self.intercept], nothing, 2.0) + gaussian([self.slope], nothing, 1.0)


def options_of(data: Dataset) -> tuple[str, ...]:
    """Every option that anybody was offered, in alphabetical order."""
    labels = (entry.judgement for split in data.feedback for entry in data.labels(split))
    return tuple(sorted({option for label in labels for option in label.options}))


def _answers(options: Sequence[str], labels: Sequence[Label], device: torch.device) -> tuple[Tensor, Tensor]:
    """Which options were selected, 0 or 1, and which were offered, both [O, K]."""
    selected = [[float(option in label.selected) for option in options] for label in labels]
    offered = [[option in label.options for option in options] for label in labels]
    return torch.tensor(selected, device=device), torch.tensor(offered, device=device)
