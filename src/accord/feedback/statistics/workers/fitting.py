"""Models of evaluators, fitted to votes by expectation maximisation.

    pool          everybody is right equally often
    one_coin      each has an accuracy of their own (Zhang et al. 2016, JMLR 17)
    dawid_skene   each has a row of answers for every class (Dawid & Skene 1979)
    mace          each knows, or answers by a habit of their own (Hovy et al. 2013), in `mace`

What is fitted for one evaluator is drawn towards the pool by a Beta prior whose strength is that of the evaluators'
own spread (`shrinkage.beta_prior`); `strength` states another one, and 0 is maximum likelihood.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.confusion import WorkerModel, one_coin_confusion
from accord.feedback.statistics.workers.mace import mace
from accord.feedback.statistics.workers.shrinkage import beta_prior, is_told
from accord.feedback.statistics.workers.votes import Votes

__all__ = ["MODELS", "dawid_skene", "one_coin", "pool"]

Floats = NDArray[np.float64]
ROUNDS = 200
CLOSE = 1e-6  # no probability of a truth moves further: the end


def pool(votes: Votes) -> WorkerModel:
    """One accuracy for everybody."""

    def of_all(right_E: Floats, count_E: Floats) -> Floats:
        return np.full(right_E.size, right_E.sum() / max(float(count_E.sum()), 1.0))

    return _maximise(votes, lambda posterior_IK: _coins(votes, posterior_IK, of_all))


def one_coin(votes: Votes, *, strength: float | None = None) -> WorkerModel:
    """An accuracy for each evaluator."""

    def of_each(right_E: Floats, count_E: Floats) -> Floats:
        return _shrunk(right_E, count_E, strength)

    return _maximise(votes, lambda posterior_IK: _coins(votes, posterior_IK, of_each))


def dawid_skene(votes: Votes, *, strength: float | None = None) -> WorkerModel:
    """A distribution of answers for each evaluator and class."""
    return _maximise(votes, lambda posterior_IK: _rows(votes, posterior_IK, strength))


MODELS: Mapping[str, Callable[[Votes], WorkerModel]] = {"one_coin": one_coin, "dawid_skene": dawid_skene, "mace": mace}
"""The models of single evaluators, by name."""


def _maximise(votes: Votes, update: Callable[[Floats], Floats]) -> WorkerModel:
    """From the share of votes that each class has: what evaluators do given the truth, then the truth given that."""
    classes = len(votes.classes)
    count_IK = np.bincount(votes.item_N * classes + votes.vote_N, minlength=votes.items * classes)
    count_IK = count_IK.reshape(-1, classes).astype(np.float64)
    posterior_IK = count_IK / np.maximum(count_IK.sum(1, keepdims=True), 1.0)
    for _ in range(ROUNDS):
        model = WorkerModel(update(posterior_IK), np.clip(posterior_IK.mean(0), CLOSE, 1.0))
        before_IK, posterior_IK = posterior_IK, model.posterior(votes)
        if np.abs(posterior_IK - before_IK).max(initial=0.0) < CLOSE:
            break
    return model


def _coins(votes: Votes, posterior_IK: Floats, of: Callable[[Floats, Floats], Floats]) -> Floats:
    """Confusion by accuracies, which `of` makes of expected right votes and all votes of each evaluator."""
    right_N = posterior_IK[votes.item_N, votes.vote_N]
    size = len(votes.evaluators)
    right_E, count_E = (np.bincount(votes.evaluator_N, weight_N, size) for weight_N in (right_N, np.ones(right_N.size)))
    return one_coin_confusion(of(right_E.astype(np.float64), count_E.astype(np.float64)), len(votes.classes))


def _rows(votes: Votes, posterior_IK: Floats, strength: float | None) -> Floats:
    """Confusion by the expected counts of (truth, vote), each row drawn to that of everybody."""
    size, classes = len(votes.evaluators), len(votes.classes)
    cell_N = votes.evaluator_N * classes + votes.vote_N
    columns = [np.bincount(cell_N, weight_N, size * classes) for weight_N in posterior_IK[votes.item_N].T]
    count_EKK = np.stack(columns, 1).astype(np.float64).reshape(size, classes, classes).swapaxes(1, 2)
    confusion_EKK = np.empty_like(count_EKK)
    for truth in range(classes):
        row_EK = count_EKK[:, truth]
        all_K = row_EK.sum(0) + 1e-9
        pooled = row_EK[:, truth], row_EK.sum(1)
        weight = strength if strength is not None else beta_prior(*pooled)[1] if is_told(pooled[1]).any() else 1.0
        row_EK = row_EK + max(weight, 1e-9) * all_K / all_K.sum()
        confusion_EKK[:, truth] = row_EK / row_EK.sum(1, keepdims=True)
    return confusion_EKK


def _shrunk(right_E: Floats, count_E: Floats, strength: float | None) -> Floats:
    """Accuracies, drawn to the pool's; who has not voted has the pool's."""
    if strength is None:
        mean, strength = beta_prior(right_E, count_E)
    else:
        mean = right_E.sum() / max(float(count_E.sum()), 1.0)
    return (right_E + mean * strength + 1e-9 * mean) / (count_E + strength + 1e-9)
