"""The sequential test: e-values are martingales under what is stated, and grow where it is wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from accord.stats.sequential import SLOPES, SUREST, e_value, log_wealth

LOGODDS = st.floats(-SUREST, SUREST)


@given(st.lists(LOGODDS, min_size=1, max_size=8))
def test_the_expected_ratio_of_every_alternative_is_one_under_what_is_stated(stated_N: list[float]) -> None:
    """The sum over all outcomes of their probability times the ratio, worked out one answer at a time."""
    expected_S = np.ones(len(SLOPES))
    for stated in stated_N:
        each = sum(
            p * np.exp(log_wealth([stated], [outcome])) for outcome, p in ((1, expit(stated)), (0, expit(-stated)))
        )
        expected_S = expected_S * each
    assert expected_S == pytest.approx(1.0)


@given(st.lists(st.tuples(LOGODDS, st.booleans()), max_size=20))
def test_a_pair_read_in_the_other_order_says_the_same(answers: list[tuple[float, bool]]) -> None:
    stated, outcome = [a for a, _ in answers], [float(b) for _, b in answers]
    other = log_wealth([-a for a in stated], [1 - b for b in outcome])
    assert log_wealth(stated, outcome) == pytest.approx(other)


def crossings(level: float, truth: float, *, repetitions: int = 4000, answers: int = 120) -> float:
    """The share of simulated studies in which evidence reaches 1 / level at any of the answers."""
    random = np.random.default_rng(5)
    stated_RN = random.normal(0, 1.5, (repetitions, answers))
    happened_RN = random.random((repetitions, answers)) < expit(truth * stated_RN)
    crossed = 0
    for stated_N, happened_N in zip(stated_RN, happened_RN, strict=True):
        signed_N = stated_N * np.where(happened_N, 1, -1)
        steps = [np.logaddexp(0, -signed_N) - np.logaddexp(0, -slope * signed_N) for slope in SLOPES]
        wealth_N = np.exp(np.cumsum(steps, axis=1)).mean(0)
        crossed += bool((wealth_N >= 1 / level).any())
    return crossed / repetitions


def test_looked_at_after_every_answer_it_errs_as_seldom_as_it_says() -> None:
    assert crossings(0.1, truth=1.0) <= 0.1
    assert crossings(0.05, truth=1.0) <= 0.05


def test_it_finds_a_reward_that_knows_nothing_or_the_opposite() -> None:
    assert crossings(0.1, truth=0.0, repetitions=300) >= 0.99
    assert crossings(0.1, truth=-0.5, repetitions=300) >= 0.99


def test_the_steps_of_the_simulation_are_those_of_the_function() -> None:
    stated, happened = [0.3, -2.0, 9.0], [1.0, 1.0, 0.0]
    signed_N = np.clip(stated, -SUREST, SUREST) * [1, 1, -1]
    worked_out = [(np.logaddexp(0, -signed_N) - np.logaddexp(0, -slope * signed_N)).sum() for slope in SLOPES]
    assert log_wealth(stated, happened) == pytest.approx(worked_out)
    assert e_value(worked_out) == pytest.approx(np.mean(np.exp(worked_out)))


def test_nothing_said_is_no_evidence() -> None:
    assert e_value(log_wealth([], [])) == 1.0


def test_one_sure_answer_does_not_decide() -> None:
    assert e_value(log_wealth([1e9], [0.0])) < np.exp(SUREST)


@pytest.mark.parametrize(("stated", "happened"), [([0.1], [0.5]), ([0.1, 0.2], [1.0]), ([float("nan")], [1.0])])
def test_what_is_no_outcome_is_refused(stated: list[float], happened: list[float]) -> None:
    with pytest.raises(ValueError, match=r"outcomes are|no numbers"):
        log_wealth(stated, happened)
