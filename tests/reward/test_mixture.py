"""Groups of evaluators that nobody named: EM finds them, their number is chosen on held-out people, or it refuses."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime
from scipy.special import expit, logsumexp

from accord.errors import RecipeError
from accord.reward.people.group_number import choose_groups
from accord.reward.people.linear import LinearComparisons
from accord.reward.people.mixture import by_evaluator, check_identifiable, fit_mixture, responsibilities

Array = NDArray[np.float64]


def society(seed: int, share: float, *, evaluators: int = 40, answers: int = 30) -> tuple[Array, NDArray[np.int64]]:
    """Comparisons on three features; a share of the evaluators has the opposite reward. The last ones do."""
    draw = np.random.default_rng(seed)
    weight_D = draw.normal(size=3)
    weight_D *= 2 / np.linalg.norm(weight_D)
    who_P = np.repeat(np.arange(evaluators), answers)
    sign_P = np.where(who_P >= evaluators - round(evaluators * share), -1.0, 1.0)
    feature_PD = draw.normal(size=(len(who_P), 3))
    first_P = draw.random(len(who_P)) < expit(sign_P * (feature_PD @ weight_D))
    return feature_PD * np.where(first_P, 1.0, -1.0)[:, None], who_P


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_groups_and_their_number_are_recovered(share: float) -> None:
    feature_PD, who_P = society(31, share)
    number = choose_groups(LinearComparisons(feature_PD), who_P, at_most=3, restarts=4)
    assert number.groups == 2
    assert number.behind_G[0] > 2 * number.error_G[0]
    mixture = fit_mixture(LinearComparisons(feature_PD), who_P, 2, restarts=4)
    minority = np.arange(40) >= 40 - round(40 * share)
    assert (mixture.responsibility_EK[:, 1] > 0.5).tolist() == minority.tolist()
    assert mixture.share_K[1] == pytest.approx(share, abs=0.03)
    larger_D, smaller_D = mixture.parameters
    assert larger_D @ smaller_D / np.linalg.norm(larger_D) / np.linalg.norm(smaller_D) < -0.8


def test_people_who_are_alike_are_one_group() -> None:
    feature_PD, who_P = society(5, 0.0)
    assert choose_groups(LinearComparisons(feature_PD), who_P, at_most=3, restarts=4).groups == 1


def test_the_likelihood_never_falls_and_responsibilities_are_bayes() -> None:
    feature_PD, who_P = society(8, 0.3, evaluators=12, answers=25)
    fit = LinearComparisons(feature_PD, prior_sd=100.0)  # a prior so wide that the likelihood itself must grow
    fits = [fit_mixture(fit, who_P, 2, restarts=1, steps=steps, tolerance=-np.inf) for steps in range(8)]
    totals = [mixture.log_likelihood for mixture in fits]
    # A group's share has one evaluator added, which moves what is climbed by a hair.
    assert all(after >= before - 0.02 for before, after in itertools.pairwise(totals))
    last = fits[-1]
    _, loglik_PK = fit(np.zeros((len(who_P), 2)), last.parameters)
    assert loglik_PK.sum() == pytest.approx(len(who_P) * 2 * np.log(0.5))  # nobody's answers: the prior's mode
    loglik_PK = np.log(expit(feature_PD @ last.parameters.T))
    joint_EK = np.log(last.share_K) + by_evaluator(loglik_PK, who_P, 12)
    expected_EK = np.exp(joint_EK - logsumexp(joint_EK, axis=1, keepdims=True))
    assert responsibilities(loglik_PK, who_P, last.share_K, 12) == pytest.approx(expected_EK)
    assert last.responsibility_EK == pytest.approx(expected_EK, abs=1e-6)


def test_who_answered_nothing_has_the_shares() -> None:
    share_K = np.array([0.7, 0.3])
    got_EK = responsibilities(np.log([[0.9, 0.1]]), np.array([0]), share_K, 2)
    assert got_EK[1] == pytest.approx(share_K)
    assert got_EK[0] == pytest.approx([0.63 / 0.66, 0.03 / 0.66])


def test_the_m_step_is_at_its_maximum() -> None:
    feature_PD, _ = society(2, 0.2, evaluators=5)
    weight_PK = np.random.default_rng(0).random((len(feature_PD), 2))
    weight_KD, _ = LinearComparisons(feature_PD, prior_sd=0.5)(weight_PK, None)

    def objective(weight_D: Array, k: int) -> float:
        return float(weight_PK[:, k] @ np.log(expit(feature_PD @ weight_D)) - weight_D @ weight_D / 0.5)

    for k in range(2):
        assert approx_fprime(weight_KD[k], objective, 1e-6, k) == pytest.approx(np.zeros(3), abs=1e-3)


@pytest.mark.parametrize(
    ("answers_E", "problem"),
    [([1] * 40, "0 of 40 have them"), ([19] * 10, "0 of 10"), ([30, 30, 30, 1], "3 of 4"), ([], "0 of 0")],
)
def test_what_cannot_be_told_is_refused(answers_E: list[int], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        check_identifiable(np.repeat(np.arange(len(answers_E)), answers_E))


def test_evaluators_with_one_answer_do_not_disturb_the_others() -> None:
    feature_PD, who_P = society(11, 0.2, evaluators=30)
    rare_PD, _ = society(12, 0.0, evaluators=25, answers=1)
    both_PD, both_P = np.concatenate([feature_PD, rare_PD]), np.concatenate([who_P, 30 + np.arange(25)])
    mixture = fit_mixture(LinearComparisons(both_PD), both_P, 2, restarts=4)
    assert (mixture.responsibility_EK[:30, 1] > 0.5).sum() == 6
    assert mixture.responsibility_EK[30:].max() < 0.999  # one answer does not say whose it is
