"""Groups of evaluators that nobody named, found by what they answered: a mixture fitted by EM.

Evaluator e belongs to group k with probability share_k, and answers under the parameters of that group:

    log L = sum_e log sum_k share_k prod_{o of e} p(o | theta_k).

The E-step gives each evaluator's responsibilities, r_ek proportional to share_k prod_o p(o | theta_k); the M-step fits
each group's parameters with the answers of e weighed by r_ek (Dempster, Laird & Rubin 1977; for rewards Chakraborty et
al. 2024, arXiv 2402.08925, algorithm 2, whose responsibilities are 0 or 1). What is fitted is the caller's:
Bradley-Terry on features, or any likelihood of a reward model.

What can be told: with one answer a person and item, people alike in all else, disagreement within an item cannot tell
noise from two populations, as a mixture of Bernoulli distributions is one. Only that the *same* evaluator leans the
same way over many answers separates groups (Zhao, Piech & Xia 2016 for Plackett-Luce: a mixture of k needs rankings of
enough alternatives). So `check_identifiable` asks for evaluators with at least 20 answers each. Groups have no names,
and any order of them has the same likelihood: they are put in order of their share, the largest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from accord.errors import RecipeError

__all__ = ["LEAST_ANSWERS", "GroupFit", "Mixture", "check_identifiable", "fit_mixture", "responsibilities"]

LEAST_ANSWERS = 20
"""Answers that an evaluator must have given to count as one who can be told apart."""

Array = NDArray[np.float64]
P = TypeVar("P")


class GroupFit(Protocol[P]):
    """The M-step: fits K groups to weighed answers."""

    def __call__(self, weight_OK: Array, start: P | None) -> tuple[P, Array]:
        """The parameters that maximise sum_ok weight_OK log p(o | theta_k), plus a log prior where there is one.

        Also log p(o | theta_k) of all O answers, [O, K], those of weight 0 too. A column whose weights are all 0 is a
        group of nobody: its prior's mode. `start` are parameters to begin at.
        """
        ...


@dataclass(frozen=True)
class Mixture(Generic[P]):
    """What EM came to: parameters of K groups, the largest first.

    share_K             how many of the evaluators belong to each, sums to 1
    responsibility_EK   with which probability each evaluator belongs to each
    log_likelihood      of all answers, summed over groups; nats
    """

    parameters: P
    share_K: Array
    responsibility_EK: Array
    log_likelihood: float


def fit_mixture(
    fit: GroupFit[P],
    evaluator_O: Sequence[int] | NDArray[np.int64],
    groups: int,
    *,
    seed: int = 0,
    restarts: int = 8,
    steps: int = 200,
    tolerance: float = 1e-3,
    counted_E: NDArray[np.bool_] | None = None,
) -> Mixture[P]:
    """The best of `restarts` fits of `groups` groups to the answers of evaluators 0 to E - 1.

    Half of the starts begin at the answers of single evaluators far from each other, half at random responsibilities;
    after five steps each the best one goes on, until a step gains less than `tolerance` nats. `counted_E` says whose
    answers are fitted (all); the others get responsibilities all the same. A group's share has one evaluator added to
    it, so that none becomes empty for good.
    """
    who_O = np.asarray(evaluator_O, dtype=np.int64)
    counted = np.ones(who_O.max() + 1, dtype=bool) if counted_E is None else counted_E
    climb = _Climb(fit, who_O, counted, groups)
    if groups == 1:
        return climb.ordered(climb.start(np.ones((len(counted), 1))))
    draw = np.random.default_rng(seed)
    begun = [climb.start(_far_apart(climb, draw) if i % 2 == 0 else _random(climb, draw)) for i in range(restarts)]
    best = max((climb.up(state, 5, tolerance) for state in begun), key=lambda state: state.log_likelihood)
    return climb.ordered(climb.up(best, steps, tolerance))


def responsibilities(loglik_OK: Array, evaluator_O: NDArray[np.int64], share_K: Array, evaluators: int) -> Array:
    """The probability that each of E evaluators belongs to each group, given their answers, [E, K].

    Who answered nothing has the shares.
    """
    return np.asarray(softmax(np.log(share_K) + by_evaluator(loglik_OK, evaluator_O, evaluators), axis=1))


def by_evaluator(value_OK: Array, evaluator_O: NDArray[np.int64], evaluators: int) -> Array:
    """Sums over the answers of each evaluator, [E, K]."""
    sum_EK = np.zeros((evaluators, value_OK.shape[1]))
    np.add.at(sum_EK, evaluator_O, value_OK)
    return sum_EK


def check_identifiable(evaluator_O: Sequence[int] | NDArray[np.int64], groups: int = 2) -> None:
    """Raises `RecipeError` where answers cannot tell groups apart: it takes two evaluators of 20 answers a group."""
    count_E = np.bincount(np.asarray(evaluator_O, dtype=np.int64)) if len(evaluator_O) else np.zeros(0, dtype=np.int64)
    able = int((count_E >= LEAST_ANSWERS).sum())
    if able < 2 * groups:
        raise RecipeError(
            f"unknown groups need {2 * groups} evaluators with {LEAST_ANSWERS} answers each at least, and {able} of "
            f"{int((count_E > 0).sum())} have them; with fewer, noise and groups cannot be told apart. Use group_by "
            "where groups are known, or one head for everybody"
        )


class _Climb(Generic[P]):
    """EM from some responsibilities upwards."""

    def __init__(self, fit: GroupFit[P], who_O: NDArray[np.int64], counted_E: NDArray[np.bool_], groups: int) -> None:
        self.fit, self.who_O, self.counted_E, self.groups = fit, who_O, counted_E, groups

    def start(self, responsibility_EK: Array, parameters: P | None = None) -> Mixture[P]:
        """An M-step at these responsibilities, and the E-step after it."""
        counted_EK = responsibility_EK * self.counted_E[:, None]
        share_K = (counted_EK.sum(0) + 1) / (self.counted_E.sum() + self.groups)
        parameters, loglik_OK = self.fit(counted_EK[self.who_O], parameters)
        joint_EK = np.log(share_K) + by_evaluator(loglik_OK, self.who_O, len(self.counted_E))
        total_E = np.asarray(logsumexp(joint_EK, axis=1))
        return Mixture(parameters, share_K, np.exp(joint_EK - total_E[:, None]), float(total_E[self.counted_E].sum()))

    def up(self, state: Mixture[P], steps: int, tolerance: float) -> Mixture[P]:
        """At most so many steps more."""
        for _ in range(steps):
            after = self.start(state.responsibility_EK, state.parameters)
            gain, state = after.log_likelihood - state.log_likelihood, after
            if gain < tolerance:
                break
        return state

    def ordered(self, state: Mixture[P]) -> Mixture[P]:
        """The same with the largest group first: one more step from its responsibilities in that order."""
        order = np.argsort(-state.share_K, kind="stable")
        if (order == np.arange(self.groups)).all():
            return state
        return self.start(state.responsibility_EK[:, order])


def _random(climb: _Climb[P], draw: np.random.Generator) -> Array:
    return draw.dirichlet(np.full(climb.groups, 0.3), size=len(climb.counted_E))


def _far_apart(climb: _Climb[P], draw: np.random.Generator) -> Array:
    """Everybody with the nearest of K evaluators, each drawn by how badly those before explain its answers."""
    evaluators, count_E = len(climb.counted_E), np.bincount(climb.who_O, minlength=len(climb.counted_E))
    chance_E = (climb.counted_E & (count_E > 0)) * np.sqrt(count_E)
    seed_EK = np.zeros((evaluators, climb.groups))
    loglik_EK = np.zeros((evaluators, climb.groups))
    for k in range(climb.groups):
        seed_EK[draw.choice(evaluators, p=chance_E / chance_E.sum()), k] = 1.0
        _, loglik_OK = climb.fit(seed_EK[climb.who_O], None)
        loglik_EK = by_evaluator(loglik_OK, climb.who_O, evaluators)
        unexplained_E = -loglik_EK[:, : k + 1].max(1) / np.maximum(count_E, 1)
        chance_E = climb.counted_E * np.sqrt(count_E) * np.maximum(unexplained_E, 1e-9) ** 2
    nearest_EK: Array = np.eye(climb.groups)[loglik_EK.argmax(1)]
    return nearest_EK
