"""Calibration: what makes outcomes likely, order kept, and members that disagree as people do or do not."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from accord.reward.posterior.calibration import Calibration, fit_isotonic, fit_temperature, pairwise_calibration


def outcomes(logodds_P: Any, seed: int = 0) -> Any:
    return (np.random.default_rng(seed).random(len(logodds_P)) < expit(logodds_P)).astype(float)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_by_which_a_judge_is_too_sure_is_found(temperature: float) -> None:
    true_P = np.random.default_rng(1).normal(0, 2, 20_000)
    found = fit_temperature(temperature * true_P, outcomes(true_P))
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found(temperature * true_P[:9]) == pytest.approx(expit(true_P[:9]), abs=0.02)


def test_the_temperature_of_one_stated_number_has_a_closed_form() -> None:
    """70 of 100 right where 90 % is stated: logit(.9) / T = logit(.7)."""
    found = fit_temperature(np.full(100, logit(0.9)), np.r_[np.ones(70), np.zeros(30)])
    assert found.temperature == pytest.approx(logit(0.9) / logit(0.7), rel=0.01)
    many = fit_temperature(np.full(2, logit(0.9)), [1.0, 0.0], weights=[7e6, 3e6])  # the prior says little beside them
    assert many.temperature == pytest.approx(logit(0.9) / logit(0.7), rel=1e-6)
    weighted = fit_temperature(np.full(2, logit(0.9)), [1.0, 0.0], weights=[70, 30])
    assert weighted.temperature == pytest.approx(found.temperature, rel=1e-4)


def test_outcomes_that_say_all_or_nothing_have_a_temperature_too() -> None:
    """Two pairs as stated are no proof that all are; more say more."""
    assert 0.2 < fit_temperature([1.0, -2.0], [1.0, 0.0]).temperature < 1
    assert fit_temperature([1.0] * 5000, [1.0] * 5000).temperature < 0.15
    assert fit_temperature([2.0, 1.0], [1.0, 1.0])([0.01])[0] == pytest.approx(0.5, abs=0.02)
    assert 1 < fit_temperature([1.0, -2.0], [0.5, 0.5]).temperature < 10
    assert fit_temperature([1.0, -2.0] * 5000, [0.5, 0.5] * 5000)([1.0])[0] == pytest.approx(0.5, abs=0.01)
    assert fit_temperature([0.0, 0.0], [1.0, 0.0]).temperature == pytest.approx(1.0, abs=1e-6)
    assert fit_temperature([2.0], [0.0], weights=[0.0]).temperature == pytest.approx(1.0, abs=1e-6)


def test_isotonic_calibration_is_symmetric_at_no_preference() -> None:
    found = fit_isotonic([0.5, 1, -0.7], [1, 1, 0])
    assert found([0.0, -0.0]).tolist() == [0.5, 0.5]
    assert found([1e-9, -1e-9]) == pytest.approx([0.5, 0.5], abs=1e-6)
    stated_P, outcome_P = np.array([0.0, 0.3, -0.4, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    one, other = fit_isotonic(stated_P, outcome_P), fit_isotonic(-stated_P, 1 - outcome_P)
    assert one == other  # which of two comes first says nothing
    assert one == fit_isotonic(stated_P[1:4], outcome_P[1:4])
    for nothing in (fit_isotonic([0.0, 0.0], [1.0, 1.0]), fit_isotonic([2.0], [1.0], weights=[0.0])):
        assert nothing([-1.0, 0.0, 3.0]) == pytest.approx(expit([-1.0, 0.0, 3.0]))


def test_isotonic_calibration_finds_a_curve_that_no_temperature_is() -> None:
    stated_P = np.random.default_rng(2).uniform(-4, 4, 20_000)
    true_P = np.where(np.abs(stated_P) < 2, 0.0, np.sign(stated_P))  # what is stated below two says nothing
    observed_P = outcomes(true_P, seed=3)
    found = fit_isotonic(stated_P, observed_P)
    at_J = np.array([-3.5, -1.0, 1.0, 3.5])
    assert found(at_J) == pytest.approx(expit([-1.0, 0.0, 0.0, 1.0]), abs=0.03)
    assert (np.diff(found(np.linspace(-5, 5, 200))) >= 0).all()
    assert found(-at_J) == pytest.approx(1 - found(at_J))
    one = fit_temperature(stated_P, observed_P)

    def error(calibration: Calibration) -> float:
        return float(np.mean((calibration(stated_P) - expit(true_P)) ** 2))

    assert error(found) < error(one) / 2


def test_what_is_kept_is_what_was_fitted() -> None:
    stated_P = np.random.default_rng(2).normal(size=50)
    for fit in (fit_temperature, fit_isotonic):
        found = fit(stated_P, outcomes(stated_P))
        again = Calibration.from_json(found.as_json())
        assert (again(stated_P) == found(stated_P)).all()


def test_what_cannot_be_fitted_is_refused() -> None:
    for bad in (([], []), ([1.0], [1.0, 0.0]), ([np.inf], [1.0]), ([1.0], [2.0])):
        for fit in (fit_temperature, fit_isotonic):
            with pytest.raises(ValueError, match=r"log-odds"):
                fit(*bad)


def shares(pairs: int, seed: int) -> Any:
    return np.random.default_rng(seed).beta(2, 2, pairs)


def members_of(share_P: Any, members: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    return np.where(random.random((len(share_P), members)) < share_P[:, None], 1.0, -1.0)


def people_of(share_P: Any, people: int, seed: int) -> Any:
    first_P = np.random.default_rng(seed).binomial(people, share_P)
    return np.stack([first_P, people - first_P], 1)


@pytest.mark.parametrize("members", [2, 5, 40])
@pytest.mark.parametrize("people", [2, 15])
def test_members_drawn_as_people_are_have_no_error(members: int, people: int) -> None:
    """Whatever their numbers: of 12 worlds the interval holds 0 in most (11 or so), and the mean is near it."""
    found = []
    for seed in range(12):
        share_P = shares(300, seed)
        found.append(
            pairwise_calibration(
                members_of(share_P, members, seed + 100), people_of(share_P, people, seed + 200), range(300)
            )
        )
    assert np.mean([each.value for each in found]) == pytest.approx(0.0, abs=0.012)
    assert sum(each.low is not None and each.high is not None and each.low <= 0 <= each.high for each in found) >= 8


@pytest.mark.parametrize("members", [18, 32])
def test_draws_that_are_opposite_two_by_two_have_no_error(members: int) -> None:
    """Of a margin that is normal about its mean, of which people are independent draws."""
    random = np.random.default_rng(5)
    mean_P = random.normal(0, 0.7, 20_000)
    half_PH = random.standard_normal((len(mean_P), members // 2))
    draw_PS = mean_P[:, None] + np.concatenate([half_PH, -half_PH], 1)
    found = pairwise_calibration(draw_PS, people_of(norm.cdf(mean_P), 15, 6), range(len(mean_P)))
    assert found.value == pytest.approx(0.0, abs=0.0008)


def test_members_of_one_mind_have_the_variance_of_opinion() -> None:
    share_P = np.full(2000, 0.7)
    agreed = pairwise_calibration(np.ones((2000, 5)), people_of(share_P, 15, 1), range(2000))
    assert agreed.value == pytest.approx(0.3**2, abs=0.01)
    single = pairwise_calibration(np.ones((2000, 1)), people_of(share_P, 15, 1), range(2000))
    assert single.value == pytest.approx(agreed.value)
    opposed = pairwise_calibration(-np.ones((2000, 5)), people_of(share_P, 15, 1), range(2000))
    assert opposed.value == pytest.approx(0.7**2, abs=0.01)


def test_pairs_that_have_no_share_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two people"):
        pairwise_calibration(np.ones((1, 2)), [[1, 0]], ["p"])
    with pytest.raises(ValueError, match="of shape"):
        pairwise_calibration(np.ones((2, 2)), [[1, 1]], ["p", "q"])
