"""The laws of over-optimisation: what was put into a curve comes out, with its peak."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accord.artefacts import JudgedRollout
from accord.audit.reward.label_free import warning_facts
from accord.stats.overoptimisation import LAWS, fitted_peak, law_facts

Floats = NDArray[np.float64]
D_S = np.linspace(0, 3, 16)
BY_NAME = {law.name: law for law in LAWS}
CURVES: dict[str, Callable[[float, float], Floats]] = {
    "best of n": lambda alpha, beta: D_S * (alpha - beta * D_S),
    "RL": lambda alpha, beta: D_S * (alpha - beta * np.log(np.where(D_S > 0, D_S, 1))),
}


@pytest.mark.parametrize("name", CURVES)
@given(alpha=st.floats(0.2, 3), beta=st.floats(0.1, 2))
def test_coefficients_and_peak_are_those_of_the_curve(name: str, alpha: float, beta: float) -> None:
    law = BY_NAME[name]
    found_alpha, found_beta, explained = law.fit(D_S, 0.7 + CURVES[name](alpha, beta))
    assert (found_alpha, found_beta) == pytest.approx((alpha, beta), abs=1e-8)
    assert explained == pytest.approx(1)
    at = law.peak(alpha, beta)
    near = [at * 0.99, at, at * 1.01]
    value = [d * (alpha - beta * (d if name == "best of n" else np.log(d))) for d in near]
    assert value[1] >= max(value)


def noisy_means(alpha: float, beta: float) -> Callable[[str, NDArray[np.intp]], Floats]:
    noise_SI = np.random.default_rng(0).normal(0, 0.1, (len(D_S), 30))

    def means(column: str, prompts_I: NDArray[np.intp]) -> Floats:
        if column == "kl":
            return D_S**2
        return np.asarray(CURVES["RL"](alpha, beta) + noise_SI[:, prompts_I].mean(1))

    return means


def test_a_curve_that_turns_has_a_peak_with_an_interval_around_it() -> None:
    facts = law_facts(noisy_means(1.0, 0.8), 30)
    peak = facts["law of RL, peak at sqrt(KL)"]
    assert peak.low is not None
    assert peak.high is not None
    assert peak.low < np.exp(1 / 0.8 - 1) < peak.high
    assert fitted_peak(noisy_means(1.0, 0.8), 30) == peak
    assert facts["law of RL, R squared"].value > facts["law of best of n, R squared"].value


def test_a_straight_line_has_no_peak_within_reach() -> None:
    facts = law_facts(lambda column, _: D_S**2 if column == "kl" else D_S, 30)
    assert facts["law of best of n, beta"].value == pytest.approx(0, abs=1e-9)
    assert not any("peak" in name for name in facts)
    assert fitted_peak(lambda column, _: D_S**2 if column == "kl" else D_S, 30) is None


def test_a_policy_that_hardly_moved_has_no_law() -> None:
    assert law_facts(lambda column, _: 0 * D_S if column == "kl" else D_S, 30) == {}


def rollouts(rewards: Floats, stds: Floats | None = None) -> list[JudgedRollout]:
    return [
        JudgedRollout(
            step=step + 1,
            index=i,
            prompt=f"p{i}",
            reward=float(reward) + 0.01 * i,
            reward_std=None if stds is None else float(stds[step]),
            eval_reward=0.0,
            kl=0.0,
        )
        for step, reward in enumerate(rewards)
        for i in range(6)
    ]


def test_what_needs_no_label_is_told_and_no_more_than_is_there() -> None:
    rising = warning_facts(rollouts(np.arange(9.0)))
    assert rising["label-free: samples above the highest early reward"].value == 1
    assert len(rising) == 1, "a reward without doubt has none that grows"
    doubtful = warning_facts(rollouts(np.zeros(9), np.linspace(0.1, 0.9, 9)))
    assert doubtful["label-free: samples above the highest early reward"].value == 0
    grown = doubtful["label-free: the reward's standard deviation, late less early"]
    assert grown.value == pytest.approx(0.6)
