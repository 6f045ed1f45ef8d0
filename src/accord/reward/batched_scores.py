"""Scores of completions in batches, and the gradient of a loss of them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from accord.lm.packed import TokenizedCompletion
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.settings import ModelSettings
from accord.train import BatchLimits, Draws, Optimiser

__all__ = ["BatchedScores"]


class BatchedScores:
    """Raw scores of A completions by member, `score_AM`, and the way back from a loss of them to the weights.

    Where they fill one batch its graph is kept. Where they fill several, they are scored without a graph first, and
    each batch once more when the gradient of its scores is known (Gao et al. 2021, arXiv 2101.06983): the same
    gradient, a third more work, and the memory of one batch. Both passes see the dropout that `settings` ask for, with
    the same masks. Completions are numbered by their keys, 0 to A - 1.
    """

    def __init__(
        self,
        settings: ModelSettings,
        judge: ScalarHeadModel,
        completions: Sequence[TokenizedCompletion],
        limits: BatchLimits,
    ) -> None:
        self.settings, self.judge = settings, judge
        self.batches = limits.pack(judge.causal, completions)
        self._draws = Draws()
        with torch.set_grad_enabled(len(self.batches) == 1), settings.updating(judge.causal):
            batched_AM = torch.cat([judge.at_end(batch) for batch in self.batches])
        keys = [key for batch in self.batches for key in batch.keys]
        key_A = torch.tensor(keys, dtype=torch.long, device=batched_AM.device)
        self.score_AM = batched_AM[key_A.argsort()]
        if len(self.batches) > 1:
            self.score_AM.requires_grad_()

    def backward(self, optimiser: Optimiser, loss: Tensor) -> Tensor:
        """Add the gradient of a loss of the scores, and of parameters of its own, to the step's; returns the loss."""
        value = optimiser.add(loss)
        if len(self.batches) == 1:
            return value
        gradient_AM = self.score_AM.grad
        assert gradient_AM is not None
        self._draws.again()
        for batch in self.batches:
            gradient_aM = gradient_AM[torch.tensor(batch.keys, dtype=torch.long, device=gradient_AM.device)]
            with self.settings.updating(self.judge.causal):
                score_aM = self.judge.at_end(batch)
            optimiser.add((score_aM * gradient_aM).sum())
        return value
