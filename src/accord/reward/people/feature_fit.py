"""The M-step of unknown groups on what a decoder makes of texts before it is trained: a linear reward a group.

Any likelihood of a reward model will do. Features are the hidden states at the ends of the texts, of which the leading
directions are kept, each at unit variance; the prior of a group's weights is N(0, sd^2 / D I), so that sd is the
deviation of its scores in log-odds.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.lm.causal import CausalModel
from accord.lm.packed import pack, tokenized
from accord.lm.sizes import reading_tokens
from accord.reward.observations import Observation, completions_of
from accord.reward.people.mixture import Array
from accord.reward.terms.base import Term

__all__ = ["FeatureFit", "text_features"]

DIRECTIONS = 32
PRIOR_SD = 3.0
ITERATIONS = 12


@torch.no_grad()
def text_features(causal: CausalModel, data: Dataset, names: Sequence[str]) -> Tensor:
    """What the decoder makes of completions where they end, [A, D <= 32], each feature of mean 0 and variance 1."""
    answers = [
        tokenized(causal, causal.encode_prompt(data.prompts[each.prompt]), each, key, judged=True)
        for key, each in enumerate(data.completions[name] for name in names)
    ]
    hidden_AD = torch.zeros(len(answers), causal.width)
    for batch in pack(causal, answers, batch_tokens=reading_tokens(causal)):
        hidden_AD[list(batch.keys)] = batch.hidden(causal)[batch.last_A].float().cpu()
    left_AD, size_D, _ = torch.linalg.svd(hidden_AD - hidden_AD.mean(0), full_matrices=False)
    kept_D = size_D > 1e-4 * size_D[0]
    feature_AD: Tensor = left_AD[:, kept_D][:, :DIRECTIONS] * len(names) ** 0.5
    return feature_AD


@dataclass(frozen=True)
class FeatureFit:
    """A `ScalableFit` of observations under terms of a likelihood; parameters are weights [D, K] and the terms' own."""

    feature_AD: Tensor
    terms: nn.ModuleDict
    term_of: Mapping[int, str]
    observations: Sequence[Observation]

    def __call__(
        self, weight_OK: Array, start: tuple[Tensor, nn.ModuleDict] | None
    ) -> tuple[tuple[Tensor, nn.ModuleDict], Array]:
        """A few steps of L-BFGS from `start` on the negative log posterior, mean over observations."""
        shape = (self.feature_AD.shape[1], weight_OK.shape[1])
        weight_DK = nn.Parameter(torch.zeros(shape) if start is None else start[0].clone())
        terms = deepcopy(self.terms if start is None else start[1]).cpu()
        counted_OK = torch.tensor(weight_OK * np.array([[each.weight] for each in self.observations])).float()
        optimiser = torch.optim.LBFGS(
            [weight_DK, *terms.parameters()], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
        )

        def loss() -> float:
            optimiser.zero_grad()
            prior = len(weight_DK) * weight_DK.square().sum() / (2 * PRIOR_SD**2)
            for term in terms.values():
                assert isinstance(term, Term)
                prior = prior + term.penalty()
            total = ((counted_OK * self._nll(weight_DK, terms)).sum() + prior) / len(self.observations)
            total.backward()
            return float(total.detach())

        optimiser.step(loss)
        parameters = (weight_DK.detach(), terms)
        return parameters, self.scaled(parameters, 1.0)

    @torch.no_grad()
    def scaled(self, parameters: tuple[Tensor, nn.ModuleDict], factor: float) -> Array:
        """The log-likelihood of each observation by each group's rewards times a factor, times its weight, [O, K]."""
        weight_DK, terms = parameters
        trust_O1 = np.array([[each.weight] for each in self.observations])
        loglik_OK: Array = -trust_O1 * self._nll(factor * weight_DK, terms).double().numpy()
        return loglik_OK

    def _nll(self, weight_DK: Tensor, terms: nn.ModuleDict) -> Tensor:
        score_AK = self.feature_AD @ weight_DK
        nll_OK = torch.zeros(len(self.observations), weight_DK.shape[1])
        for name, rows, places in self._by_term:
            term = terms[name]
            assert isinstance(term, Term)
            observations = [self.observations[row] for row in rows]
            nll_OK = nll_OK.index_copy(0, torch.tensor(rows), term.nll(score_AK, observations, places))
        return nll_OK

    @cached_property
    def _by_term(self) -> list[tuple[str, list[int], list[list[int]]]]:
        place = {name: row for row, name in enumerate(completions_of(self.observations))}
        rows: dict[str, list[int]] = {}
        for row, each in enumerate(self.observations):
            rows.setdefault(self.term_of[id(each)], []).append(row)
        return [
            (name, some, [[place[completion] for completion in self.observations[row].completions] for row in some])
            for name, some in rows.items()
        ]
