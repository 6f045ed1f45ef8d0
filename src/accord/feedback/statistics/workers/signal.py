"""How much of what all the others think stands in each evaluator's votes.

The share of a person's votes that agrees with the majority says too little where few others voted, or where items are
hard. Here each vote is held against P(truth | what the others said), under a model of them, and counts by how sure that
is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.confusion import WorkerModel
from accord.feedback.statistics.workers.votes import Votes

__all__ = ["Agreement", "agreement_with_others"]

Floats = NDArray[np.float64]
COMPLETIONS_WORTH = 9 / 4


@dataclass(frozen=True)
class Agreement:
    """Of each evaluator: `right_E` votes agree with the truth as the others have it, of `count_E`, in votes' worth.

    Neither is whole. Whoever answers at random agrees in one of K on average, with at most the variance of so many
    votes. `agree_N` and `shows_N` are of single votes: how far each agrees, of how far it could.
    """

    agree_N: Floats
    shows_N: Floats
    right_E: Floats
    count_E: Floats


def agreement_with_others(votes: Votes, model: WorkerModel) -> Agreement:
    """Each evaluator's votes against what the others make of the items.

    With q the distribution of the truth given the others, M = sum_k (q_k - 1/K)^2 is what a vote can show, and the
    least-squares estimate of s in E[q_vote] - 1/K = s M is sum (q_vote - 1/K) / sum M: 1 for the truth, 0 at random. It
    is worth sum M K / (K - 1) votes. Of pairs that share completions fewer count: all comparisons of n completions
    among themselves are worth 9 n / 4 independent ones, by the variance of Kendall's tau, (4 n + 10) / (9 n (n - 1)).
    """
    size, classes = len(votes.evaluators), len(votes.classes)
    truth_NK = model.posterior_of_others(votes)
    agree_N = truth_NK[np.arange(len(truth_NK)), votes.vote_N] - 1 / classes
    shows_N = ((truth_NK - 1 / classes) ** 2).sum(1)
    agree_E, shows_E = (np.bincount(votes.evaluator_N, value_N, size) for value_N in (agree_N, shows_N))
    signal_E = np.clip(agree_E / np.maximum(shows_E, 1e-9), -1 / (classes - 1), 1.0)
    count_E = np.minimum(shows_E * classes / (classes - 1), COMPLETIONS_WORTH * _completions(votes))
    return Agreement(agree_N, shows_N, count_E * (1 + (classes - 1) * signal_E) / classes, count_E)


def _completions(votes: Votes) -> Floats:
    """How many completions each evaluator's items are about."""
    text_N2 = votes.text_I2[votes.item_N]
    size = int(votes.text_I2.max(initial=-1)) + 1
    seen = np.unique(np.repeat(votes.evaluator_N, 2) * size + text_N2.ravel()) // max(size, 1)
    return np.bincount(seen, minlength=len(votes.evaluators)).astype(np.float64)
