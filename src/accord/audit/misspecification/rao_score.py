"""Do answers lean away from one reward further than chance would have it?"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from accord.audit.misspecification.bradley_terry import WEAK_PRIOR, fit, fit_turned
from accord.deferred import deferred

with deferred():
    from scipy.sparse import csr_array
    from scipy.special import expit

    from accord.audit.misspecification.answers import Answers
    from accord.stats import Estimate

__all__ = ["SIGNIFICANCE", "score_test"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SIGNIFICANCE = 0.01  # the test must reject one reward at this level before a group's gain counts
DRAWS = 299  # of the null: the smallest p is 1 / 300
ROOM = 2_000_000  # numbers in an array of draws


def score_test(answers: Answers) -> tuple[Estimate, Estimate]:
    """The chance p of a T as large under one reward, and T over its degrees of freedom, where about 1 is usual.

    T = sum over evaluators of S' I^-1 S, S the gradient of the evaluator's log-likelihood at everybody's weights and I
    its information (Rao 1948). Its distribution under one reward is simulated. Answers to two texts that several people
    compared are dealt out anew among them, since all of them may see in these texts what no weight on score and length
    says, which is no disagreement; an answer that stands alone is drawn anew. Everybody's weights are fitted again each
    time. The pairs handed in should share no text within an evaluator.
    """
    everybody_2 = fit(answers.difference_N2, np.zeros(2), WEAK_PRIOR)
    right_N = expit(answers.difference_N2 @ everybody_2)
    observed = float(_statistics(answers, np.ones((1, len(right_N))), everybody_2[None])[0])
    as_large = 0
    for sign_DN in _drawn_signs(answers, right_N):
        weight_D2 = fit_turned(answers.difference_N2, sign_DN, everybody_2, WEAK_PRIOR)
        as_large += int((_statistics(answers, sign_DN, weight_D2) >= observed).sum())
    n, size = len(right_N), len(answers.names)
    p_value = Estimate(
        (as_large + 1) / (DRAWS + 1), None, None, n, size, method=f"answers dealt out anew, {DRAWS} draws"
    )
    return p_value, Estimate(observed / (2 * size), None, None, n, size, method="no interval: see its p")


def _sides(answers: Answers) -> tuple[Floats, Mask]:
    """Which of its two texts each answer chose, as 1 or -1, and whether nobody else compared the same two."""
    _, first_I, number_I = np.unique(answers.item_N, return_index=True, return_counts=True)
    places = np.searchsorted(np.unique(answers.item_N), answers.item_N)
    same_N = (answers.difference_N2 * answers.difference_N2[first_I[places]]).sum(1)
    return np.where(same_N >= 0, 1.0, -1.0), number_I[places] == 1


def _drawn_signs(answers: Answers, right_N: Floats) -> Iterator[Floats]:
    """`DRAWS` draws of answers, 1 or -1 where one is turned round, [D, N], in parts that memory has room for."""
    random, n = np.random.default_rng(0), len(right_N)
    side_N, alone_N = _sides(answers)
    by_item_N = np.argsort(answers.item_N, kind="stable")
    at_once = max(1, ROOM // max(n, 1))
    for start in range(0, DRAWS, at_once):
        sign_DN = np.empty((min(at_once, DRAWS - start), n))
        for sign_N in sign_DN:
            drawn_N = np.where(random.random(n) < right_N, 1.0, -1.0)
            dealt_N = np.empty_like(side_N)
            dealt_N[by_item_N] = side_N[np.lexsort((random.random(n), answers.item_N))]
            sign_N[:] = np.where(alone_N, drawn_N, dealt_N * side_N)
        yield sign_DN


def _statistics(answers: Answers, sign_DN: Floats, weight_D2: Floats) -> Floats:
    """T of each draw at its weights; an evaluator's information is kept off 0 by a hundredth of a pair's."""
    difference_N2, n = answers.difference_N2, sign_DN.shape[1]
    of_evaluator_EN = csr_array((np.ones(n), (answers.evaluator_N, np.arange(n))), shape=(len(answers.names), n))
    wrong_DN = expit(-sign_DN * (weight_D2 @ difference_N2.T))
    variance_DN = wrong_DN * (1 - wrong_DN)
    first_N, second_N = difference_N2.T
    score_ED, other_ED = (of_evaluator_EN @ (wrong_DN * sign_DN * each_N).T for each_N in (first_N, second_N))
    own_ED, joint_ED, others_ED = (
        of_evaluator_EN @ (variance_DN * each_N).T for each_N in (first_N**2, first_N * second_N, second_N**2)
    )
    own_ED, others_ED = own_ED + 0.01, others_ED + 0.01
    squares_ED = others_ED * score_ED**2 - 2 * joint_ED * score_ED * other_ED + own_ED * other_ED**2
    return np.asarray((squares_ED / (own_ED * others_ED - joint_ED**2)).sum(0))
