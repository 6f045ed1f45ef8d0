"""What a model of evaluators says: how often each gives which answer, by what is true; and what follows from it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.special import logsumexp

    from accord.feedback.statistics.workers.votes import Votes

__all__ = ["WorkerModel", "one_coin_confusion"]

Floats = NDArray[np.float64]
LEAST = 1e-6  # no answer is impossible


@dataclass(frozen=True)
class WorkerModel:
    """P(vote | truth) of every evaluator, `confusion_EKK` [evaluator, truth, vote], and P(truth), `prior_K`."""

    confusion_EKK: Floats
    prior_K: Floats

    def with_flat_prior(self) -> "WorkerModel":
        """The same of items of which every class is as likely before anybody votes."""
        return replace(self, prior_K=np.full(self.prior_K.size, 1 / self.prior_K.size))

    def of_witnesses(self, mask_E: NDArray[np.bool_]) -> "WorkerModel":
        """The same where the votes of all others say nothing of the truth."""
        silent = 1 / self.prior_K.size
        return replace(self, confusion_EKK=np.where(mask_E[:, None, None], self.confusion_EKK, silent))

    def log_joint(self, votes: Votes) -> Floats:
        """log P(truth, votes) of each item, [I, K]."""
        weight_NK = self._evidence(votes)
        columns = [np.bincount(votes.item_N, weight_N, votes.items) for weight_N in weight_NK.T]
        return np.log(self.prior_K) + np.stack(columns, 1)

    def posterior(self, votes: Votes) -> Floats:
        """P(truth | votes) of each item, [I, K]."""
        return _normalised(self.log_joint(votes))

    def posterior_of_others(self, votes: Votes) -> Floats:
        """P(truth | what all the others said of the item) for each vote, [N, K]."""
        return _normalised(self.log_joint(votes)[votes.item_N] - self._evidence(votes))

    def log_likelihood(self, votes: Votes) -> Floats:
        """log P(votes) of each item, [I], in nats."""
        return np.asarray(logsumexp(self.log_joint(votes), axis=1))

    def _evidence(self, votes: Votes) -> Floats:
        """log P(vote | truth) of each vote, [N, K]."""
        return np.log(np.clip(self.confusion_EKK, LEAST, 1.0))[votes.evaluator_N, :, votes.vote_N]


def one_coin_confusion(accuracy_E: Floats, classes: int) -> Floats:
    """Who is right with probability a is wrong in every other way alike: [E, K, K]."""
    wrong_E = (1 - accuracy_E) / (classes - 1)
    same_KK = np.eye(classes)
    return accuracy_E[:, None, None] * same_KK + wrong_E[:, None, None] * (1 - same_KK)


def _normalised(log_NK: Floats) -> Floats:
    return np.asarray(np.exp(log_NK - logsumexp(log_NK, axis=1, keepdims=True)))
