"""The closed forms of the gauss world against sampling, enumeration and the audit itself."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.optimize import minimize

from accord.audit import CHECKS, AuditSettings, Evidence, Verdict
from accord.lab import GaussWorld, Normal, moments_of_largest
from accord.policy import best_of, best_of_kl
from accord.run import RunDirectory

LINEAR = GaussWorld(weights=(1.0, -0.5, 0.25))
CURVED = GaussWorld(weights=(1.0, 0.4), curvatures=(0.5, -0.2))
TRAP = GaussWorld(weights=(1.0,), curvatures=(0.5,))  # its true reward is best at y = 2 and falls beyond
NAIVE = GaussWorld(weights=(1.0,))  # what a model takes for it that has only seen answers near 0
TURNOVER = next(check for check in CHECKS if (check.challenge.id, check.name) == ("RG2", "turnover"))
numbers = st.floats(-3, 3)


@given(st.lists(numbers, min_size=1, max_size=4), st.floats(0.2, 5))
def test_a_linear_reward_shifts_the_mean(weights: list[float], beta: float) -> None:
    optimal = GaussWorld(weights=tuple(weights)).optimal(beta)
    np.testing.assert_allclose(optimal.mean_D, np.array(weights) / beta)
    np.testing.assert_allclose(optimal.std_D, 1.0)
    assert optimal.kl == pytest.approx(float(np.sum((np.array(weights) / beta) ** 2)) / 2)


@pytest.mark.parametrize("beta", [0.5, 2.0])
@pytest.mark.parametrize("world", [LINEAR, CURVED], ids=["linear", "curved"])
def test_no_other_normal_policy_does_better(world: GaussWorld, beta: float) -> None:
    size = len(world.weights)

    def worse(x: NDArray[np.float64]) -> float:
        return -world.objective(Normal(x[:size], np.exp(x[size:])), beta)

    solution = minimize(worse, np.zeros(2 * size), method="BFGS")
    optimal = world.optimal(beta)
    np.testing.assert_allclose(solution.x[:size], optimal.mean_D, atol=1e-3)
    np.testing.assert_allclose(np.exp(solution.x[size:]), optimal.std_D, atol=1e-3)
    assert world.objective(optimal, beta) >= -solution.fun - 1e-9


def test_the_optimum_is_worth_the_log_of_its_normaliser() -> None:
    draws_ND = CURVED.start.sample(400_000, np.random.default_rng(0))
    beta = 2.0
    log_z = np.log(np.mean(np.exp(CURVED.reward(draws_ND) / beta)))
    assert CURVED.objective(CURVED.optimal(beta), beta) == pytest.approx(beta * log_z, abs=0.02)


def test_samples_agree_with_the_closed_forms() -> None:
    policy = CURVED.optimal(1.0)
    draws_ND = policy.sample(200_000, np.random.default_rng(1))
    assert CURVED.reward(draws_ND).mean() == pytest.approx(CURVED.expected(policy), abs=0.01)
    assert policy.kl_of(draws_ND).mean() == pytest.approx(policy.kl, abs=0.01)


def test_people_choose_by_bradley_terry() -> None:
    better, worse = np.tile([[1.0, 0.0, 0.0]], (50_000, 1)), np.zeros((50_000, 3))
    share = LINEAR.prefers(better, worse, np.random.default_rng(0)).mean()
    assert share == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)


def test_moments_of_the_largest_are_those_of_the_tables() -> None:
    assert moments_of_largest(1) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert moments_of_largest(2) == pytest.approx((1 / np.sqrt(np.pi), 1.0))
    assert moments_of_largest(3)[0] == pytest.approx(1.5 / np.sqrt(np.pi))
    mean, square = moments_of_largest(1_000_000)
    assert mean == pytest.approx(4.8636, abs=1e-3)
    assert 0 < square - mean**2 < 0.1


@given(st.lists(st.tuples(st.integers(0, 4), numbers), min_size=1, max_size=7), st.data())
def test_best_of_n_is_the_mean_over_every_choice(rows: list[tuple[int, float]], data: st.DataObject) -> None:
    score_N, value_N = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    n = data.draw(st.integers(1, len(rows)))
    by_hand = []
    for chosen in combinations(range(len(rows)), n):
        top = max(score_N[list(chosen)])
        by_hand.append(np.mean([value_N[i] for i in chosen if score_N[i] == top]))
    assert best_of(score_N, value_N, n) == pytest.approx(float(np.mean(by_hand)), abs=1e-9)


@pytest.mark.parametrize("n", [1, 4, 64])
def test_best_of_n_from_one_pool_agrees_with_the_closed_form(n: int) -> None:
    score = GaussWorld(weights=(0.6, 0.8))
    draws_ND = score.start.sample(100_000, np.random.default_rng(2))
    reward = best_of(score.reward(draws_ND), CURVED.reward(draws_ND), n)
    assert reward == pytest.approx(CURVED.expected_best_of(n, score), abs=0.03)


def test_kl_of_best_of_n() -> None:
    assert best_of_kl(1) == 0.0
    mean, square = moments_of_largest(8)
    shifted = Normal(np.array([mean]), np.array([np.sqrt(square - mean**2)]))
    # of all distributions with this mean and spread the normal one is the nearest to the start
    assert shifted.kl < best_of_kl(8) == pytest.approx(np.log(8) - 7 / 8)


def test_a_naive_score_turns_over_and_the_true_one_does_not() -> None:
    betas = [4.0, 2.0, 1.0, 0.5, 0.25, 0.15]
    naive = [TRAP.expected(NAIVE.optimal(beta)) for beta in betas]
    assert int(np.argmax(naive)) == 3  # mean 2
    assert naive[-1] < naive[0]
    true = [TRAP.expected(TRAP.optimal(beta)) for beta in betas]
    assert true == sorted(true)


def with_rollouts(path: Path, score: GaussWorld, seed: int) -> RunDirectory:
    """A run that lowers beta step by step, each policy the optimum for `score`; the judge is the truth of `TRAP`."""
    run, random = RunDirectory.create(path), np.random.default_rng(seed)
    rows = []
    for step, strength in enumerate(np.linspace(0.02, 6.0, 14)):
        policy = score.optimal(1 / strength)
        y_ND = policy.sample(64, random)
        columns = zip(policy.kl_of(y_ND), score.reward(y_ND), TRAP.reward(y_ND), strict=True)
        for index, (kl, proxy, judge) in enumerate(columns):
            row = {"step": step, "index": index, "prompt": f"p{index % 16}"}
            rows.append({**row, "kl": float(kl), "reward": float(proxy), "eval_reward": float(judge)})
    run.write_jsonl("evaluation/rollouts.jsonl", rows)
    return run


@pytest.mark.parametrize("seed", range(3))
def test_the_audit_sees_the_turnover_of_this_world(seed: int, tmp_path: Path) -> None:
    naive, true = (Evidence(with_rollouts(tmp_path / n, s, seed)) for n, s in (("naive", NAIVE), ("true", TRAP)))
    assert TURNOVER.run(naive, AuditSettings()).verdict is Verdict.FIRES
    assert TURNOVER.run(true, AuditSettings()).verdict is not Verdict.FIRES


def test_what_has_no_answer_is_refused() -> None:
    with pytest.raises(ValidationError, match="2 weights but 1 curvatures"):
        GaussWorld(weights=(1.0, 2.0), curvatures=(1.0,))
    with pytest.raises(ValueError, match=r"must be above 0\.2"):
        CURVED.optimal(0.1)
    with pytest.raises(ValueError, match="not positive"):
        LINEAR.optimal(0.0)
    with pytest.raises(ValueError, match="without curvatures"):
        CURVED.expected_best_of(4, CURVED)
    with pytest.raises(ValueError, match="best of 4 among 3"):
        best_of(np.zeros(3), np.zeros(3), 4)
    with pytest.raises(ValueError, match="largest of 0"):
        moments_of_largest(0)
    with pytest.raises(ValueError, match="best of 0"):
        best_of_kl(0)
