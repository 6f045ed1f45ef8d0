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

__all__ = ["FOLDS", "Opinions", "beyond_chance", "gains_by_context", "halves_in_time"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
FOLDS = 4
DRAWS = 3
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
    fold_N = opinions.text_N % FOLDS
    for fold in range(FOLDS):
        seen_N = fold_N != fold
        everybody_2 = fit(opinions.difference_N2[seen_N], np.zeros(2), 1.0)
        for person in np.unique(opinions.evaluator_N):
            of_person_N = opinions.evaluator_N == person
            own_2 = fit(opinions.difference_N2[of_person_N & seen_N], everybody_2, precision)
            for context in (0, 1):
                here_N = of_person_N & (opinions.context_N == context)
                learnt, held_out = opinions.difference_N2[here_N & seen_N], opinions.difference_N2[here_N & ~seen_N]
                changed_2 = fit(learnt, own_2, precision)
                as_ever_2 = own_2 * _scale(learnt @ own_2, precision)
                gain_N[here_N & ~seen_N] = _loss(held_out @ as_ever_2) - _loss(held_out @ changed_2)
    return gain_N


def halves_in_time(order: Sequence[tuple[Hashable, float]]) -> Iterator[int]:
    """Of (person, when) in any order, 0 where it is of the first half of the person's answers, else 1."""
    by_person: dict[Hashable, list[float]] = {}
    for person, when in order:
        by_person.setdefault(person, []).append(when)
    middle = {person: float(np.median(times)) for person, times in by_person.items()}
    for person, when in order:
        yield int(when > middle[person])


def _scale(margin_N: Floats, precision: float) -> float:
    """How decided a person is in a context, beside everywhere: the likeliest factor, held to 1 as weights are."""
    loss_S = _loss(SCALES[:, None] * margin_N).sum(1) + precision * (SCALES - 1) ** 2 / 2
    return float(SCALES[loss_S.argmin()])


def _loss(margin: Floats) -> Floats:
    """-log sigmoid."""
    return np.logaddexp(0.0, -margin)
