"""Whether one reward holds for a person in two contexts, by answers that it was not fitted to.

    as ever     sigmoid(a_jc w_j . x), a_jc >= 0     a person wants one thing, more or less decidedly in each context
    by context  sigmoid(w_jc . x)                    a person wants something else in each

x is the chosen text's score and length less the rejected one's. Whoever tires, or is given harder items, answers less
decidedly, which the first model holds as well; whoever always wants the opposite of others too. What the second
foretells better is a preference that changed.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accord.audit.misspecification.bradley_terry import fit
from accord.deferred import deferred

with deferred():
    from scipy.special import expit

__all__ = ["FOLDS", "Opinions", "beyond_chance", "fit_each", "gains_by_context", "halves_in_time"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
FOLDS = 4
DRAWS = 3
STEPS = 20  # of Newton's method
SCALES = np.linspace(0.0, 4.0, 81)  # of a person's decidedness in a context


@dataclass(frozen=True)
class Opinions:
    """Decided pairs: features of the chosen less the rejected; whose they are, in which of two contexts, on which
    texts.
    """

    difference_N2: Floats
    evaluator_N: Codes
    context_N: Codes
    text_N: Codes


def beyond_chance(opinions: Opinions, precision: float, *, by_text: bool) -> Floats:
    """`gains_by_context` less what it is where the contexts are dealt out anew, the mean of some draws, [N].

    The second model has more to fit, so its gain is not 0 where nothing changed. Contexts are dealt out among a
    person's answers, or with `by_text` among the texts.
    """
    random = np.random.default_rng(0)
    by_chance = [
        gains_by_context(replace(opinions, context_N=_dealt(opinions, random, by_text=by_text)), precision)
        for _ in range(DRAWS)
    ]
    return np.asarray(gains_by_context(opinions, precision) - np.mean(by_chance, axis=0))


def _dealt(opinions: Opinions, random: np.random.Generator, *, by_text: bool) -> Codes:
    """The contexts in another order."""
    if by_text:
        texts, first_T = np.unique(opinions.text_N, return_index=True)
        of_text_T = random.permutation(opinions.context_N[first_T])
        return np.asarray(of_text_T[np.searchsorted(texts, opinions.text_N)])
    dealt_N = opinions.context_N.copy()
    for person in np.unique(opinions.evaluator_N):
        of_person_N = opinions.evaluator_N == person
        dealt_N[of_person_N] = random.permutation(dealt_N[of_person_N])
    return dealt_N


def gains_by_context(opinions: Opinions, precision: float) -> Floats:
    """How many nats better each answer is foretold by the second model than by the first, [N].

    Texts are dealt into folds; both models are fitted to the others. A person's reward is held to everybody's with a
    precision, that of a context to the person's.
    """
    gain_N = np.zeros(len(opinions.evaluator_N))
    people = int(opinions.evaluator_N.max(initial=-1)) + 1
    place_N = 2 * opinions.evaluator_N + opinions.context_N
    fold_N = opinions.text_N % FOLDS
    for fold in range(FOLDS):
        seen_N, held_out_N = fold_N != fold, fold_N == fold
        learnt_N2 = opinions.difference_N2[seen_N]
        everybody_2 = fit(learnt_N2, np.zeros(2), 1.0)
        own_E2 = fit_each(learnt_N2, opinions.evaluator_N[seen_N], np.tile(everybody_2, (people, 1)), precision)
        both_C2 = np.repeat(own_E2, 2, axis=0)
        changed_C2 = fit_each(learnt_N2, place_N[seen_N], both_C2, precision)
        scale_C = _scales((learnt_N2 * both_C2[place_N[seen_N]]).sum(1), place_N[seen_N], 2 * people, precision)
        asked_N2, here_N = opinions.difference_N2[held_out_N], place_N[held_out_N]
        as_ever_N = scale_C[here_N] * (asked_N2 * both_C2[here_N]).sum(1)
        gain_N[held_out_N] = _loss(as_ever_N) - _loss((asked_N2 * changed_C2[here_N]).sum(1))
    return gain_N


def fit_each(difference_N2: Floats, group_N: Codes, centre_G2: Floats, precision: float) -> Floats:
    """`fit` of each group of rows by itself, about a centre of its own, [G, 2]; where a group has no row its centre."""
    own_G2, groups = centre_G2.copy(), len(centre_G2)
    x_N, y_N = difference_N2.T
    for _ in range(STEPS):
        wrong_N = expit(-(difference_N2 * own_G2[group_N]).sum(1))
        curve_N = wrong_N * (1 - wrong_N)
        summed_G2 = np.stack([np.bincount(group_N, wrong_N * z_N, groups) for z_N in (x_N, y_N)], 1)
        gradient_G2 = summed_G2 - precision * (own_G2 - centre_G2)
        xx_G, xy_G, yy_G = (np.bincount(group_N, curve_N * z_N, groups) for z_N in (x_N * x_N, x_N * y_N, y_N * y_N))
        curvature_G22 = np.stack([xx_G + precision, xy_G, xy_G, yy_G + precision], 1).reshape(-1, 2, 2)
        step_G2 = np.linalg.solve(curvature_G22, gradient_G2[:, :, None])[:, :, 0]
        longest_G = np.maximum(np.abs(step_G2).max(1, initial=1e-12), 1e-12)
        own_G2 = own_G2 + step_G2 * np.minimum(1.0, 5.0 / longest_G)[:, None]
        if float(longest_G.max(initial=0.0)) < 1e-8:
            break
    return own_G2


def halves_in_time(order: Sequence[tuple[Hashable, float]]) -> Iterator[int]:
    """Of (person, when) in any order, 0 where it is of the first half of the person's answers, else 1."""
    by_person: dict[Hashable, list[float]] = {}
    for person, when in order:
        by_person.setdefault(person, []).append(when)
    middle = {person: float(np.median(times)) for person, times in by_person.items()}
    for person, when in order:
        yield int(when > middle[person])


def _scales(margin_N: Floats, place_N: Codes, places: int, precision: float) -> Floats:
    """How decided each person is in each context, beside everywhere: the likeliest factor, held to 1 as weights are."""
    loss_SC = np.stack([np.bincount(place_N, _loss(scale * margin_N), places) for scale in SCALES])
    return np.asarray(SCALES[(loss_SC + precision * (SCALES[:, None] - 1) ** 2 / 2).argmin(0)])


def _loss(margin: Floats) -> Floats:
    """-log sigmoid."""
    return np.logaddexp(0.0, -margin)
