"""How much of what all the others think stands in each evaluator's votes.

The share of a person's votes that agrees with the majority says too little where few others voted, or where items are
hard. Here each vote is held against P(truth | what the others said), under a model of them, and counts by how sure that
is.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.confusion import WorkerModel
from accord.feedback.statistics.workers.votes import Votes

__all__ = ["Agreement", "agreement_with_others", "agreement_with_people", "witnesses"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


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


def witnesses(votes: Votes, people: Collection[str] | None) -> Mask:
    """Whose votes tell what is true, [E]: those of people, so that models do not outvote them; everybody's where no
    people voted, or where it is not known who they are (None)."""
    if people is None:
        return np.ones(len(votes.evaluators), dtype=bool)
    person_E = np.array([name in people for name in votes.evaluators], dtype=bool)
    return person_E if person_E[votes.evaluator_N].any() else np.ones_like(person_E)


def agreement_with_people(
    votes: Votes, fit: Callable[[Votes], WorkerModel], people: Collection[str] | None
) -> Agreement | None:
    """Everybody's votes against what the other `witnesses` make of the items, under a model of these that `fit` makes.

    None where no two of them voted on the same item.
    """
    witness_E = witnesses(votes, people)
    told = votes.of_evaluators(witness_E).shared()
    return agreement_with_others(votes, fit(told).of_witnesses(witness_E)) if told.items else None


def agreement_with_others(votes: Votes, model: WorkerModel) -> Agreement:
    """Each evaluator's votes against what the others make of the items.

    With q the distribution of the truth given the others, by their votes alone (how frequent the classes are is
    nobody's word, so that a vote that no other stands beside shows nothing), M = sum_k (q_k - 1/K)^2 is what a vote can
    show, and the least-squares estimate of s in E[q_vote] - 1/K = s M is sum (q_vote - 1/K) / sum M: 1 for the truth, 0
    at random. It is worth sum M K / (K - 1) votes, fewer where items share completions: `_dependence`.
    """
    size, classes = len(votes.evaluators), len(votes.classes)
    truth_NK = model.with_flat_prior().posterior_of_others(votes)
    agree_N = truth_NK[np.arange(len(truth_NK)), votes.vote_N] - 1 / classes
    shows_N = ((truth_NK - 1 / classes) ** 2).sum(1)
    agree_E, shows_E = (np.bincount(votes.evaluator_N, value_N, size) for value_N in (agree_N, shows_N))
    signal_E = np.clip(agree_E / np.maximum(shows_E, 1e-9), -1 / (classes - 1), 1.0)
    dependence_E = _dependence(votes, agree_N - signal_E[votes.evaluator_N] * shows_N)
    count_E = shows_E * classes / (classes - 1) / dependence_E
    return Agreement(agree_N, shows_N, count_E * (1 + (classes - 1) * signal_E) / classes, count_E)


def _dependence(votes: Votes, residual_N: Floats) -> Floats:
    """By how much the variance of each evaluator's sum exceeds that of independent votes, [E], 1 at least.

    Votes on pairs that share a completion go together: whoever rates a text too high prefers it to all others. With h
    the sum of an evaluator's residuals e over the pairs of one completion, the variance is sum h^2 - sum e^2 (Fafchamps
    & Gubert 2007); where no completion stands twice that is sum e^2. Each evaluator's ratio is drawn to that of all.
    """
    size, width = len(votes.evaluators), int(votes.text_I2.max(initial=-1)) + 1
    text_N2 = votes.text_I2[votes.item_N]
    pair_N = text_N2[:, 0] != text_N2[:, 1]
    key_R = np.concatenate(
        [votes.evaluator_N * width + text_N2[:, 0], (votes.evaluator_N * width + text_N2[:, 1])[pair_N]]
    )
    unit_U, unit_R = np.unique(key_R, return_inverse=True)
    sum_U = np.bincount(unit_R.reshape(-1), np.concatenate([residual_N, residual_N[pair_N]]), unit_U.size)
    clustered_E = np.bincount(unit_U // max(width, 1), sum_U**2, size)
    clustered_E = clustered_E - np.bincount(votes.evaluator_N[pair_N], residual_N[pair_N] ** 2, size)
    alone_E = np.bincount(votes.evaluator_N, residual_N**2, size)
    usual = float(alone_E.mean())
    if usual < 1e-12:
        return np.ones(size)
    ratio = float(clustered_E.mean()) / usual
    return np.asarray(np.maximum((clustered_E + ratio * usual) / (alone_E + usual), 1.0))
