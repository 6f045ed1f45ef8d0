"""Do answers lean away from one reward further than chance would have it?"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.audit.misspecification.answers import Answers
from accord.audit.misspecification.bradley_terry import WEAK_PRIOR, fit
from accord.stats import Estimate

__all__ = ["SIGNIFICANCE", "score_test"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
SIGNIFICANCE = 0.01  # the test must reject one reward at this level before a group's gain counts
DRAWS = 299  # of the null: the smallest p is 1 / 300


def score_test(answers: Answers) -> tuple[Estimate, Estimate]:
    """The chance p of a T as large under one reward, and T over its degrees of freedom, where about 1 is usual.

    T = sum over evaluators of S' I^-1 S, S the gradient of the evaluator's log-likelihood at everybody's weights and I
    its information (Rao 1948). Its distribution under one reward is simulated. Answers to two texts that several people
    compared are dealt out anew among them, since all of them may see in these texts what no weight on score and length
    says, which is no disagreement; an answer that stands alone is drawn anew. Everybody's weights are fitted again each
    time. The pairs handed in should share no text within an evaluator.
    """
    random = np.random.default_rng(0)
    everybody_2 = fit(answers.difference_N2, np.zeros(2), WEAK_PRIOR)
    observed = _statistic(answers.difference_N2, answers, everybody_2)
    right_N = expit(answers.difference_N2 @ everybody_2)
    as_large = 0
    side_N, alone_N = _sides(answers)
    by_item_N = np.argsort(answers.item_N, kind="stable")
    for _ in range(DRAWS):
        sign_N = np.where(random.random(len(right_N)) < right_N, 1.0, -1.0)
        dealt_N = np.empty_like(side_N)
        dealt_N[by_item_N] = side_N[np.lexsort((random.random(len(right_N)), answers.item_N))]
        sign_N = np.where(alone_N, sign_N, dealt_N * side_N)
        drawn_N2 = answers.difference_N2 * sign_N[:, None]
        as_large += _statistic(drawn_N2, answers, fit(drawn_N2, everybody_2, WEAK_PRIOR)) >= observed
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


def _statistic(difference_N2: Floats, answers: Answers, weight_2: Floats) -> float:
    """T at these weights; an evaluator's information is kept off 0 by a hundredth of a pair's."""
    size = len(answers.names)
    wrong_N = expit(-difference_N2 @ weight_2)
    variance_N = wrong_N * (1 - wrong_N)
    score_E2 = np.stack([np.bincount(answers.evaluator_N, wrong_N * difference_N2[:, i], size) for i in (0, 1)], 1)
    information_E22 = np.empty((size, 2, 2))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cross_N = variance_N * difference_N2[:, i] * difference_N2[:, j]
        information_E22[:, i, j] = np.bincount(answers.evaluator_N, cross_N, size)
    information_E22 += 0.01 * np.eye(2)
    return float(np.einsum("ei,ei->", score_E2, np.linalg.solve(information_E22, score_E2[:, :, None])[:, :, 0]))
