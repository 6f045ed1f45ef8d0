"""The standing of evaluators by what other people voted on the same items."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accord.feedback.statistics.workers.fitting import MODELS, one_coin
from accord.feedback.statistics.workers.shrinkage import beta_prior, is_told
from accord.feedback.statistics.workers.signal import (
    Agreement,
    agreement_with_others,
    agreement_with_people,
    witnesses,
)
from accord.feedback.statistics.workers.votes import Votes
from accord.feedback.trust.standing import HALF, Standings, judge_standing, surely_above_chance

__all__ = ["standing_from_votes"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SUREST = 0.99  # nobody is usually right more often
OWN_ITEMS = 10.0  # votes of others on an evaluator's items, at which these count as much as all votes


def standing_from_votes(
    votes: Votes, model: str = "one_coin", *, people: Collection[str] | None = None, lapse: float = HALF
) -> Standings:
    """Each evaluator against the truth as all other people have it, of two classes, under a model of these.

    `people` are those who count as the others; models and rules are held against them, and they against each other
    (None, or where none of them voted: everybody counts). `lapse` is the share of random answers above which somebody
    is careless.
    """
    agreement = agreement_with_people(votes, MODELS[model], people)
    if agreement is None:
        return Standings({}, {}, {})
    usual_E = _usual(votes, agreement, witnesses(votes, people))
    first = judge_standing(
        votes.evaluators, agreement.right_E, agreement.count_E, usual_E, method=model.replace("_", " "), lapse=lapse
    )
    together = _at_one_with_each_other(votes, first.of("careless"))
    return replace(first, standing={**first.standing, **dict.fromkeys(together, "another view")})


def _usual(votes: Votes, agreement: Agreement, witness_E: Mask) -> Floats:
    """How often an ordinary evaluator is right on the items of each, [E].

    It is what the other witnesses reach there, each of them counting by how much they know (by their own agreement), so
    that the careless do not make carelessness usual; of few votes of others, what is reached on all items counts beside
    it. It stays off chance by a quarter of what is usual on all items, and off certainty, under which one slip would be
    impossible.
    """
    if not is_told(agreement.count_E).any():
        return np.full(agreement.count_E.size, 0.5)
    skill_E = np.where(witness_E, _skill(agreement), 0.0)
    skill_N = skill_E[votes.evaluator_N]
    agree_N, shows_N = skill_N * agreement.agree_N, skill_N * agreement.shows_N
    if not shows_N.any():
        return np.full(skill_E.size, 0.5)
    everywhere = max(float(agree_N.sum() / shows_N.sum()), 0.0)
    others_agree_E, others_show_E = (_of_others(votes, value_N) for value_N in (agree_N, shows_N))
    prior = OWN_ITEMS * float(shows_N[shows_N > 0].mean())
    usual_E = (others_agree_E + prior * everywhere) / (others_show_E + prior)
    return np.asarray(np.minimum(0.5 + np.maximum(usual_E, everywhere / 4) / 2, SUREST))


def _skill(agreement: Agreement) -> Floats:
    """2 accuracy - 1 of each evaluator, drawn to the pool's; 0 below chance, or where no vote shows anything."""
    if not agreement.count_E.any():
        return np.zeros(agreement.count_E.size)
    mean, strength = beta_prior(agreement.right_E, agreement.count_E)
    accuracy_E = (agreement.right_E + mean * strength) / (agreement.count_E + strength)
    return np.maximum(2 * accuracy_E - 1, 0.0)


def _of_others(votes: Votes, value_N: Floats) -> Floats:
    """The sum over all others' votes on the items of each evaluator, [E]."""
    of_item_I = np.bincount(votes.item_N, value_N, votes.items)
    others_N = of_item_I[votes.item_N] - value_N
    return np.bincount(votes.evaluator_N, others_N, len(votes.evaluators)).astype(np.float64)


def _at_one_with_each_other(votes: Votes, careless: list[str]) -> list[str]:
    """Those of the careless who surely agree with one another, as people do who share a view that no others hold.

    The model of them is of one half of the items, and they are held against each other on the other half, both ways:
    among answers at random it would find what they happen to have in common.
    """
    among = votes.of_evaluators(np.isin(votes.evaluators, careless)).shared()
    fold_I = among.folds(2)
    right_E, count_E = np.zeros(len(votes.evaluators)), np.zeros(len(votes.evaluators))
    for fold in (0, 1):
        learn, test = among.where(fold_I == 1 - fold), among.where(fold_I == fold)
        if learn.items and test.items:
            agreement = agreement_with_others(test, one_coin(learn))
            right_E, count_E = right_E + agreement.right_E, count_E + agreement.count_E
    judged_E = is_told(count_E)
    sure_M = surely_above_chance(right_E[judged_E], count_E[judged_E])
    return [votes.evaluators[place] for place in np.flatnonzero(judged_E)[sure_M]]
