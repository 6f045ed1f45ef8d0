"""How many groups of evaluators there are: as many as foretell best what people answer who were not asked.

The mixture is fitted without some evaluators. Half of what each of them answered says which groups they may belong to,
and the other half is foretold from that,

    log sum_k Pr(k | first half) prod_{o of second half} p(o | theta_k),

both ways round, a nat each answer. More groups than there are foretell no better; a likelihood of the same people
always grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from accord.reward.people.mixture import (
    LEAST_ANSWERS,
    Array,
    GroupFit,
    P,
    by_evaluator,
    check_identifiable,
    fit_mixture,
)

__all__ = ["GroupNumber", "choose_groups"]


@dataclass(frozen=True)
class GroupNumber:
    """How well each number of groups foretold held-out people.

    groups        the number chosen
    log_score_G   mean log-likelihood of a held-out answer with 1, 2, ... groups; nats
    behind_G      how far each is behind the best one, over evaluators; nats an answer
    error_G       the standard error of that
    """

    groups: int
    log_score_G: tuple[float, ...]
    behind_G: tuple[float, ...]
    error_G: tuple[float, ...]


def choose_groups(
    fit: GroupFit[P],
    evaluator_O: Sequence[int] | NDArray[np.int64],
    *,
    at_most: int = 4,
    folds: int = 5,
    seed: int = 0,
    restarts: int = 8,
) -> GroupNumber:
    """The smallest number of groups that is at most one standard error behind the best.

    The difference is paired by evaluator. Numbers for which there are too few evaluators of 20 answers are not tried;
    raises `RecipeError` where there are too few for two.
    """
    who_O = np.asarray(evaluator_O, dtype=np.int64)
    check_identifiable(who_O)
    count_E = np.bincount(who_O)
    tried = range(1, 1 + max(g for g in range(2, max(at_most, 2) + 1) if (count_E >= LEAST_ANSWERS).sum() >= 2 * g))
    score_GE = np.array([_foretold(fit, who_O, groups, folds=folds, seed=seed, restarts=restarts) for groups in tried])
    answered_E = count_E > 1
    mean_G = score_GE.sum(1) / count_E[answered_E].sum()
    behind_GE = (score_GE[mean_G.argmax()] - score_GE)[:, answered_E] / count_E[answered_E].mean()
    behind_G = behind_GE.mean(1)
    error_G = behind_GE.std(1, ddof=1) / np.sqrt(answered_E.sum())
    chosen = int(np.flatnonzero(behind_G <= error_G)[0]) + 1
    return GroupNumber(chosen, tuple(mean_G), tuple(behind_G), tuple(error_G))


def _foretold(
    fit: GroupFit[P], who_O: NDArray[np.int64], groups: int, *, folds: int, seed: int, restarts: int
) -> Array:
    """The log-likelihood of each evaluator's answers, foretold by half of them, [E]; 0 where there is one answer."""
    evaluators = int(who_O.max()) + 1
    draw = np.random.default_rng(seed)
    fold_E = draw.permutation(evaluators) % folds
    half_O = _halves(who_O, draw)
    score_E = np.zeros(evaluators)
    for fold in range(folds):
        held_E = fold_E == fold
        mixture = fit_mixture(fit, who_O, groups, seed=seed, restarts=restarts, counted_E=~held_E)
        weight_OK = (mixture.responsibility_EK * ~held_E[:, None])[who_O]
        _, loglik_OK = fit(weight_OK, mixture.parameters)
        both_HEK = [by_evaluator(loglik_OK * (half_O == half)[:, None], who_O, evaluators) for half in (0, 1)]
        for known_EK, asked_EK in (both_HEK, both_HEK[::-1]):
            prior_EK = np.log(mixture.share_K) + known_EK
            total_E = logsumexp(prior_EK + asked_EK, axis=1) - logsumexp(prior_EK, axis=1)
            score_E[held_E] += np.asarray(total_E)[held_E]
    score_E[np.bincount(who_O) < 2] = 0.0
    return score_E


def _halves(who_O: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """0 or 1 for each answer, as many of both as can be for each evaluator."""
    half_O = np.zeros(len(who_O), dtype=np.int64)
    for evaluator in np.unique(who_O):
        places = draw.permutation(np.flatnonzero(who_O == evaluator))
        half_O[places[: len(places) // 2]] = 1
    return half_O
