"""One step of fitting a reward: scores of what was judged, the loss of all that was said of it, its gradient."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from accord.artefacts import RewardMetrics
from accord.feedback import Dataset
from accord.lm.packed import TokenizedCompletion
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.settings import ModelSettings
from accord.reward.batched_scores import BatchedScores
from accord.reward.heads import Heads
from accord.reward.observations import Observation, completions_of
from accord.reward.prior import Prior
from accord.reward.terms.base import Term
from accord.train import BatchLimits, Optimiser

__all__ = ["Fitting", "tokenized"]


@dataclass(frozen=True)
class Fitting:
    """What the steps of a fit share.

    `term_of` names the term of each observation, by its identity; there are `total` observations of mean weight
    `mean_weight`.
    """

    settings: ModelSettings
    judge: ScalarHeadModel
    terms: nn.ModuleDict
    term_of: Mapping[int, str]
    heads: Heads
    data: Dataset
    optimiser: Optimiser
    limits: BatchLimits
    mean_weight: float
    total: int
    prior: Prior

    def update(self, groups: Sequence[Sequence[Observation]], step: int) -> RewardMetrics:
        """Move the weights by the observations of some groups; the loss is their weighted mean."""
        observed = sum(map(len, groups))
        counted = _Counted()
        loss = sum(self._group(group, self.mean_weight * observed, counted) for group in groups)
        if self.heads.pooling_sd is not None:
            loss += self.optimiser.add(self.heads.prior(self.judge) / (self.mean_weight * self.total))
        penalty = self.prior.add(self.optimiser)
        rate = self.optimiser.rate
        return RewardMetrics(
            step=step,
            loss=loss,
            accuracy=counted.right / counted.decided if counted.decided else None,
            pairs=counted.pairs,
            observations=dict(counted.observations),
            penalty=penalty,
            lr=rate,
            grad_norm=self.optimiser.step(),
        )

    def _group(self, group: Sequence[Observation], weight: float, counted: "_Counted") -> float:
        """Add the gradient of a group's share of the loss, `weight` being that of the whole; returns the share."""
        names = completions_of(group)
        place = {name: row for row, name in enumerate(names)}
        scores = BatchedScores(self.settings, self.judge, tokenized(self.judge, self.data, names), self.limits)
        loss = torch.zeros((), device=self.judge.causal.device)
        for name, term in self.terms.items():
            observations = [each for each in group if self.term_of[id(each)] == name]
            if not observations:
                continue
            assert isinstance(term, Term)
            places = [[place[completion] for completion in each.completions] for each in observations]
            loss = loss + self.heads.nll(term, scores.score_AM, observations, places).sum() / weight
            counted.add(name, observations, self.heads.margins(term, scores.score_AM.detach(), observations, places))
        return scores.backward(self.optimiser, loss)


class _Counted:
    """What was seen in a step."""

    def __init__(self) -> None:
        self.observations: Counter[str] = Counter()
        self.pairs, self.right, self.decided = 0, 0, 0

    def add(self, name: str, observations: Sequence[Observation], margins: tuple[Tensor, Tensor] | None) -> None:
        """Observations of one term, with their margins where they have such."""
        self.observations[name] += len(observations)
        if margins is None:
            return
        margin_O, tie_O = margins
        self.pairs += len(observations)
        self.right += int(((margin_O > 0) & ~tie_O).sum())
        self.decided += int((~tie_O).sum())


def tokenized(judge: ScalarHeadModel, data: Dataset, names: Sequence[str]) -> list[TokenizedCompletion]:
    """Completions of a data set as a judge reads them, keyed by their places."""
    completions = [data.completions[name] for name in names]
    return [
        judge.answer(data.prompts[completion.prompt], completion, key) for key, completion in enumerate(completions)
    ]
