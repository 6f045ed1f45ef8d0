"""Bradley-Terry rewards on two features: one for everybody, one for each kind of evaluator. Pure."""

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    from scipy.special import expit, logsumexp

    from accord.audit.misspecification.answers import Answers

__all__ = ["KINDS", "WEAK_PRIOR", "fit", "fit_kinds", "fit_turned"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
KINDS = 2  # of evaluators, looked for where no groups were recorded
SURE = 0.9
ROUNDS = 30  # of expectation and maximisation
WEAK_PRIOR = 1e-3  # precision that only keeps everybody's weights finite


def fit(difference_N2: Floats, centre_2: Floats, precision: float, weight_N: Floats | None = None) -> Floats:
    """Weights [2] of a reward with a normal prior around `centre_2`, by Newton's method; pairs may carry weights."""
    own_2 = centre_2.copy()
    counted_N = np.ones(len(difference_N2)) if weight_N is None else weight_N
    for _ in range(20):
        wrong_N = expit(-difference_N2 @ own_2)
        gradient_2 = difference_N2.T @ (counted_N * wrong_N) - precision * (own_2 - centre_2)
        curvature_22 = (difference_N2 * (counted_N * wrong_N * (1 - wrong_N))[:, None]).T @ difference_N2
        step_2 = np.linalg.solve(curvature_22 + precision * np.eye(2), gradient_2)
        own_2 = own_2 + step_2 * min(1.0, 5.0 / max(float(np.abs(step_2).max()), 1e-12))
        if float(np.abs(step_2).max()) < 1e-8:
            break
    return own_2


def fit_turned(difference_N2: Floats, sign_DN: Floats, centre_2: Floats, precision: float) -> Floats:
    """`fit` of many draws at once, [D, 2]: in each, answers are turned round where their sign is -1."""
    own_D2 = np.tile(centre_2, (len(sign_DN), 1))
    square_N4 = (difference_N2[:, :, None] * difference_N2[:, None, :]).reshape(-1, 4)
    for _ in range(20):
        wrong_DN = expit(-sign_DN * (own_D2 @ difference_N2.T))
        gradient_D2 = (wrong_DN * sign_DN) @ difference_N2 - precision * (own_D2 - centre_2)
        curvature_D22 = ((wrong_DN * (1 - wrong_DN)) @ square_N4).reshape(-1, 2, 2) + precision * np.eye(2)
        step_D2 = np.linalg.solve(curvature_D22, gradient_D2[:, :, None])[:, :, 0]
        longest_D = np.maximum(np.abs(step_D2).max(1), 1e-12)
        own_D2 = own_D2 + step_D2 * np.minimum(1.0, 5.0 / longest_D)[:, None]
        if float(longest_D.max()) < 1e-8:
            break
    return own_D2


def fit_kinds(answers: Answers, everybody_2: Floats, prior: float) -> tuple[Floats, Codes]:
    """Weights of the `KINDS` kinds, [K, 2], and the kind of each evaluator, [E], by expectation-maximisation.

    It is -1 where no kind has a chance of 0.9, if anybody has: one put among people who want the opposite hides
    what they gain.

    Starts once from evaluators parted along the main direction in which their own rewards differ, once from one kind
    that wants what everybody wants and one that wants the opposite; the likelier end is kept.
    """
    size = len(answers.names)
    own_E2 = np.array(
        [fit(answers.difference_N2[answers.evaluator_N == place], everybody_2, prior) for place in range(size)]
    )
    _, _, direction = np.linalg.svd(own_E2 - own_E2.mean(0), full_matrices=False)
    along_E = (own_E2 - own_E2.mean(0)) @ direction[0]
    far_E = np.abs(along_E - np.median(along_E))
    parted_2 = own_E2[np.argsort(far_E)[-max(2, size // 10) :]].mean(0)
    ends = [
        _maximised(answers, np.stack([other_2, everybody_2]), everybody_2, prior)
        for other_2 in (parted_2, -everybody_2)
    ]
    weight_K2, chance_EK, _ = max(ends, key=lambda end: end[2])
    order = np.argsort(weight_K2[:, 0])
    chance_EK = chance_EK[:, order]
    return weight_K2[order], _surest(chance_EK)


def _surest(chance_EK: Floats) -> Codes:
    """The likeliest kind of each evaluator, or -1 where it is not sure; of all, where nobody's is."""
    sure_E = chance_EK.max(1) >= SURE
    kind_E: Codes = np.where(sure_E | ~sure_E.any(), chance_EK.argmax(1), -1)
    return kind_E


def _maximised(answers: Answers, weight_K2: Floats, everybody_2: Floats, prior: float) -> tuple[Floats, Floats, float]:
    """Weights, each evaluator's chances of being of each kind [E, K], and the log-likelihood at the end."""
    size, kinds = len(answers.names), len(weight_K2)
    share_K = np.full(kinds, 1 / kinds)
    likelihood = -np.inf
    chance_EK = np.full((size, kinds), 1 / kinds)
    for _ in range(ROUNDS):
        logit_NK = answers.difference_N2 @ weight_K2.T
        log_EK = np.log(share_K) + np.stack(
            [np.bincount(answers.evaluator_N, -np.logaddexp(0, -logit_N), size) for logit_N in logit_NK.T], 1
        )
        total_E = logsumexp(log_EK, axis=1)
        chance_EK = np.exp(log_EK - total_E[:, None])
        if abs(float(total_E.sum()) - likelihood) < 1e-6 * size:
            break
        likelihood = float(total_E.sum())
        share_K = (chance_EK.sum(0) + 1) / (size + kinds)
        weight_K2 = np.stack(
            [
                fit(answers.difference_N2, everybody_2, prior, chance_EK[answers.evaluator_N, kind])
                for kind in range(kinds)
            ]
        )
    return weight_K2, chance_EK, likelihood
