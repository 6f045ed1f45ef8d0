"""RL1 exploration: what the start finds among many texts and the policy does not."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of

from accord.artefacts import EVALUATION_SAMPLES, Finding, Verdict
from accord.audit.optimisation.exploration import best_of_k
from accord.run import RunDirectory

CHECK = "RL1 exploration"
Draw = Callable[[np.random.Generator, int], np.ndarray]


def finding(
    tmp_path: Path, policy: Draw, *, start: Draw | None = None, prompts: int = 30, samples: int = 16
) -> Finding:
    """The check of samples whose rewards are drawn by prompt; the start's from a normal distribution."""
    random = np.random.default_rng(7)
    run = RunDirectory.create(tmp_path / "run", seed=0)
    rows = [
        evaluation_sample(arm, f"p{prompt}", text=f"{arm} {reward:.6f}", reward=float(reward))
        for prompt in range(prompts)
        for arm, draw in (("start", start or normal()), ("policy", policy))
        for reward in draw(random, samples)
    ]
    EVALUATION_SAMPLES.write(run, rows)
    return finding_of(CHECK, run)


def normal(mean: float = 0.0, spread: float = 1.0) -> Draw:
    return lambda random, samples: random.normal(mean, spread, samples)


def verdicts(chance: float, share: float = 1.0) -> Draw:
    """Right by a chance on a share of the prompts, on the others never."""
    return lambda random, samples: (random.random(samples) < chance * (random.random() < share)).astype(float)


def test_the_best_of_k_is_the_mean_over_all_subsets():
    value_M = np.random.default_rng(1).normal(size=7)
    for k in range(1, 8):
        assert best_of_k(value_M, k) == pytest.approx(np.mean([max(of) for of in combinations(value_M, k)]))


@pytest.mark.parametrize(
    ("mean", "spread", "verdict"),
    [
        (0.0, 1.0, Verdict.INCONCLUSIVE),  # nothing learnt: the interval lies about 0
        (1.0, 1.0, Verdict.QUIET),
        (2.5, 0.1, Verdict.QUIET),  # one kind of text, better than what the start finds among eight
        (0.5, 0.1, Verdict.FIRES),  # better on average, and it settled there
        (-0.7, 1.0, Verdict.FIRES),
    ],
)
def test_scores(tmp_path, mean, spread, verdict):
    assert finding(tmp_path, normal(mean, spread)).verdict is verdict


def test_verdicts_that_were_given_up(tmp_path):
    # Right in .6 of single answers, beside .3; but on two prompts in five never, where the start is right at times.
    found = finding(tmp_path, verdicts(1.0, 0.6), start=verdicts(0.3), prompts=60)
    assert found.verdict is Verdict.FIRES
    assert found.facts["best of 1, policy less start (SDs)"].low > 0
    assert found.facts["best of 8, policy less start (SDs)"].high < 0
    assert 0 < found.ids["prompts"].count < 60


def test_verdicts_that_are_oftener_right_everywhere(tmp_path):
    assert finding(tmp_path, verdicts(0.7), start=verdicts(0.3)).verdict is Verdict.QUIET


@pytest.mark.parametrize("kl_coef", [0.02, 0.3, 3.0])
def test_no_optimum_of_an_objective_fires(tmp_path, kl_coef):
    # Texts with given rewards, some prompts poor in good ones; the policy is ref exp(r / beta), exactly.
    world = np.random.default_rng(5)
    run = RunDirectory.create(tmp_path / "run", seed=0)
    rows = []
    for prompt in range(40):
        reward_A, start_A = world.normal(size=12), world.dirichlet(np.full(12, 0.4))
        policy_A = start_A * np.exp((reward_A - reward_A.max()) / kl_coef)
        for arm, chance_A in (("start", start_A), ("policy", policy_A / policy_A.sum())):
            for answer in world.choice(12, 16, p=chance_A):
                text = f"answer {answer}"
                rows.append(evaluation_sample(arm, f"p{prompt}", text=text, reward=float(reward_A[answer])))
    EVALUATION_SAMPLES.write(run, rows)
    assert finding_of(CHECK, run).verdict is not Verdict.FIRES


def test_too_little_is_said(tmp_path):
    found = finding(tmp_path, normal(), prompts=5)
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert "(there are 5)" in found.result


def test_rewards_that_are_all_equal_tell_nothing(tmp_path):
    found = finding(tmp_path, normal(), start=lambda _, samples: np.zeros(samples))
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert "all are equal" in found.result
