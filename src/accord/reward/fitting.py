"""One step of fitting a reward: scores of what was judged, the loss of all that was said of it, its gradient."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from accord.artefacts import RewardMetrics
from accord.feedback import Dataset
from accord.lm.packed import TokenizedCompletion
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.settings import ModelSettings
from accord.reward.batched_scores import BatchedScores
from accord.reward.heads import Heads
from accord.reward.observations import Observation, completions_of, join_groups
from accord.reward.prior import Prior
from accord.reward.terms.base import Term
from accord.train import BatchLimits, Optimiser
from accord.train.host_reads import host_values
from accord.train.ranks import gather, is_first, own_share, sum_numbers
from accord.train.sharding import with_idle

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
        """Move the weights by the observations of some groups; the loss is their weighted mean.

        Groups are scored together as far as they fit one batch.
        """
        observed = sum(map(len, groups))
        own = own_share(groups, lambda group: len(completions_of(group)))
        counted = _Counted()
        weight = self.mean_weight * observed
        names = completions_of(observation for group in own for observation in group)
        read = dict(zip(names, tokenized(self.judge, self.data, names), strict=True))
        causal = self.judge.causal
        joined = join_groups(own, lambda names: self.limits.fit(causal, (read[name] for name in names)))
        loss = sum(self._group(group, read, weight, counted) for group in with_idle(causal, joined, []))
        if self.heads.pooling_sd is not None and is_first():
            loss += self.optimiser.add(self.heads.prior(self.judge) / (self.mean_weight * self.total))
        penalty = self.prior.add(self.optimiser)
        rate = self.optimiser.rate
        norm = self.optimiser.step()
        (penalty,) = host_values([penalty])
        whole = sum_numbers({"loss": loss, "right": counted.right, "decided": counted.decided, "pairs": counted.pairs})
        return RewardMetrics(
            step=step,
            loss=whole["loss"],
            accuracy=whole["right"] / whole["decided"] if whole["decided"] else None,
            pairs=int(whole["pairs"]),
            observations=dict(sum(gather(counted.observations), Counter())),
            penalty=penalty,
            lr=rate,
            grad_norm=norm,
        )

    def _group(
        self,
        group: Sequence[Observation],
        read: Mapping[str, TokenizedCompletion],
        weight: float,
        counted: "_Counted",
    ) -> Tensor:
        """Add the gradient of a group's share of the loss, `weight` being that of the whole; returns the share.

        `read` has all completions of the step.
        """
        place = {name: row for row, name in enumerate(completions_of(group))}
        answers = [replace(read[name], key=row) for name, row in place.items()]
        scores = BatchedScores(self.settings, self.judge, answers, self.limits)
        for name, term, observations, places in self._by_term(group, place):
            counted.add(name, observations, self.heads.margins(term, scores.score_AM.detach(), observations, places))
        return scores.backward(self.optimiser, self.nll(scores.score_AM, group) / weight)

    def nll(self, score_AM: Tensor, group: Sequence[Observation]) -> Tensor:
        """The weighted negative log-likelihood of a group, given raw scores of its completions in their order."""
        place = {name: row for row, name in enumerate(completions_of(group))}
        if not group:
            return score_AM.sum()  # of nothing, with the graph of the pass that was made for company
        nll = torch.zeros((), device=score_AM.device)
        for _, term, observations, places in self._by_term(group, place):
            nll = nll + self.heads.nll(term, score_AM, observations, places).sum()
        return nll

    def _by_term(
        self, group: Sequence[Observation], place: Mapping[str, int]
    ) -> Iterator[tuple[str, Term, list[Observation], list[list[int]]]]:
        """The terms that a group has observations of, with these and the places of their completions."""
        for name, term in self.terms.items():
            observations = [each for each in group if self.term_of[id(each)] == name]
            if observations:
                assert isinstance(term, Term)
                places = [[place[completion] for completion in each.completions] for each in observations]
                yield name, term, observations, places


class _Counted:
    """What was seen in a step."""

    def __init__(self) -> None:
        self.observations: Counter[str] = Counter()
        self.pairs = 0
        self.right: float | Tensor = 0  # of tensors that are read with all others of the step
        self.decided: float | Tensor = 0

    def add(self, name: str, observations: Sequence[Observation], margins: tuple[Tensor, Tensor] | None) -> None:
        """Observations of one term, with their margins where they have such."""
        self.observations[name] += len(observations)
        if margins is None:
            return
        margin_O, tie_O = margins
        self.pairs += len(observations)
        self.right += ((margin_O > 0) & ~tie_O).sum()
        self.decided += (~tie_O).sum()


def tokenized(judge: ScalarHeadModel, data: Dataset, names: Sequence[str]) -> list[TokenizedCompletion]:
    """Completions of a data set as a judge reads them, keyed by their places."""
    completions = [data.completions[name] for name in names]
    return [
        judge.answer(data.prompts[completion.prompt], completion, key) for key, completion in enumerate(completions)
    ]
