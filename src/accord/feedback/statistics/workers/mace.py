"""MACE: each evaluator knows the truth, or answers by a habit of their own (Hovy et al. 2013, NAACL-HLT, 1120-1130).

Fitted by variational expectation maximisation (section 3 of the paper): a Beta(1/2, 1/2) prior on how often somebody
knows, a Dirichlet prior of ten votes a class on the habit. It begins with everybody alike, so that neither names nor
their order matter.
"""

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred
from accord.feedback.statistics.workers.confusion import WorkerModel

with deferred():
    from scipy.special import digamma, logsumexp

    from accord.feedback.statistics.workers.votes import Votes

__all__ = ["mace"]

Floats = NDArray[np.float64]
ROUNDS = 200
CLOSE = 1e-6  # no probability of a truth moves further: the end
KNOWS_PRIOR = 0.5
HABIT_PRIOR = 10.0
LEAST = 1e-300  # exp(digamma) of hardly anything is 0, and its logarithm is taken


def mace(votes: Votes) -> WorkerModel:
    """With probability 1 - s the truth, with probability s whatever one answers by habit.

    An evaluator who is against the others knows nothing by this model: it cannot tell another view from carelessness.
    Who has not voted answers anything alike.
    """
    size, classes = len(votes.evaluators), len(votes.classes)
    knows_E2, habit_EK = np.full((size, 2), 0.5), np.full((size, classes), 1 / classes)
    before_IK = np.zeros((votes.items, classes))
    for _ in range(ROUNDS):
        posterior_IK, spam_N = _expected(votes, knows_E2, habit_EK)
        if np.abs(posterior_IK - before_IK).max(initial=0.0) < CLOSE:
            break
        before_IK = posterior_IK
        knows_E2, habit_EK = _fitted(votes, spam_N)
    return WorkerModel(_confusion(votes, knows_E2, habit_EK), np.full(classes, 1 / classes))


def _expected(votes: Votes, knows_E2: Floats, habit_EK: Floats) -> tuple[Floats, Floats]:
    """P(truth | votes) of each item, and of each vote the probability that it was habit alone.

    knows_E2  weights of habit and of knowledge, habit_EK those of answers by habit: exponents of expected logarithms,
              which add up to less than one
    """
    by_habit_N = knows_E2[votes.evaluator_N, 0] * habit_EK[votes.evaluator_N, votes.vote_N]
    chance_NK = np.repeat(by_habit_N[:, None], len(votes.classes), axis=1)
    chance_NK[np.arange(by_habit_N.size), votes.vote_N] += knows_E2[votes.evaluator_N, 1]
    chance_NK = np.maximum(chance_NK, LEAST)
    columns = [np.bincount(votes.item_N, log_N, votes.items) for log_N in np.log(chance_NK).T]
    log_IK = np.stack(columns, 1)
    posterior_IK = np.exp(log_IK - logsumexp(log_IK, axis=1, keepdims=True))
    return posterior_IK, (posterior_IK[votes.item_N] * by_habit_N[:, None] / chance_NK).sum(1)


def _fitted(votes: Votes, spam_N: Floats) -> tuple[Floats, Floats]:
    """The weights of `_expected` by expected counts and the priors."""
    size, classes = len(votes.evaluators), len(votes.classes)
    sides = [np.asarray(np.bincount(votes.evaluator_N, of_N, size), dtype=np.float64) for of_N in (spam_N, 1 - spam_N)]
    cells = np.bincount(votes.evaluator_N * classes + votes.vote_N, spam_N, size * classes)
    knows_E2: Floats = np.stack(sides, 1) + KNOWS_PRIOR
    habit_EK: Floats = np.asarray(cells.reshape(size, classes) + HABIT_PRIOR, dtype=np.float64)
    return _weights(knows_E2), _weights(habit_EK)


def _weights(counts: Floats) -> Floats:
    """exp E[log p] under the Dirichlet distributions of these counts, a row each."""
    return np.asarray(np.exp(digamma(counts) - digamma(counts.sum(1, keepdims=True))), dtype=np.float64)


def _confusion(votes: Votes, knows_E2: Floats, habit_EK: Floats) -> Floats:
    """P(vote | truth) of each evaluator, [E, K, K], each row adding up to one."""
    classes = len(votes.classes)
    knows_E = (knows_E2[:, 1] / knows_E2.sum(1))[:, None, None]
    confusion_EKK = np.eye(classes) * knows_E + (1 - knows_E) * (habit_EK / habit_EK.sum(1, keepdims=True))[:, None, :]
    voted_E = np.bincount(votes.evaluator_N, minlength=len(votes.evaluators)) > 0
    return np.where(voted_E[:, None, None], confusion_EKK, 1 / classes)
