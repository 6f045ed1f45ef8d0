"""RL1 reached and DC2 excess, on policies whose objective's optimum is known in closed form."""

from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of

from accord.artefacts import EVALUATION, EVALUATION_SAMPLES, EvaluationSample, Finding, Verdict
from accord.policy.evaluate import compare
from accord.policy.optimum import optimum_from_start
from accord.run import RunDirectory

BETA = 0.5
PROMPTS, TEXTS, SAMPLES = 24, 40, 16


def tilted(times: float, *, noise: float = 0.0, reach: float = 1.0) -> list[EvaluationSample]:
    """Samples of a start over forty texts a prompt, and of the policy ref exp(times r / beta) / Z.

    `noise` is the standard deviation of what moved the policy beside its reward, `reach` that of the rewards.
    """
    random = np.random.default_rng(3)
    rows = []
    for prompt in range(PROMPTS):
        reference_N = random.dirichlet(np.ones(TEXTS))
        reward_N = reach * random.normal(size=TEXTS)
        policy_N = reference_N * np.exp(times * reward_N / BETA + noise * random.normal(size=TEXTS))
        policy_N /= policy_N.sum()
        for arm, chance_N in (("start", reference_N), ("policy", policy_N)):
            for text in random.choice(TEXTS, SAMPLES, p=chance_N):
                rows.append(
                    evaluation_sample(
                        arm,
                        f"p{prompt}",
                        logprobs=(float(np.log(chance_N[text])),),
                        reference_logprobs=(float(np.log(reference_N[text])),),
                        reward=float(reward_N[text]),
                        text=f"text {text}",
                    )
                )
    return rows


def found(check: str, rows: list[EvaluationSample], tmp_path: Path, *, known: bool = True) -> Finding:
    start, policy = ([row for row in rows if row.arm == arm] for arm in ("start", "policy"))
    optimum = optimum_from_start([row.reward or 0.0 for row in start], [row.prompt for row in start], BETA)
    with RunDirectory.create(tmp_path / "run") as run:
        EVALUATION_SAMPLES.write(run, rows)
        EVALUATION.write(run, compare(policy, start).model_copy(update={"optimum": optimum if known else None}))
        return finding_of(check, run)


def test_at_the_optimum_nothing_is_left_and_a_nat_brings_its_price(tmp_path: Path) -> None:
    """l is the same for every text of a prompt, so both numbers are exact, whatever was sampled."""
    reached, excess = (found(check, tilted(1.0), tmp_path / check) for check in ("RL1 reached", "DC2 excess"))
    assert (reached.verdict, excess.verdict) == (Verdict.QUIET, Verdict.QUIET)
    assert reached.estimate is not None
    assert excess.estimate is not None
    assert reached.estimate.value == pytest.approx(0, abs=1e-9)
    assert excess.estimate.value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("times", [2.0, 3.0])
def test_a_policy_pressed_too_far_has_the_slope_of_its_own_beta(times: float, tmp_path: Path) -> None:
    finding = found("DC2 excess", tilted(times), tmp_path)
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1 / times, abs=1e-9)


def test_kl_that_no_reward_was_paid_for_is_excess_too(tmp_path: Path) -> None:
    assert found("DC2 excess", tilted(1.0, noise=4.0), tmp_path).verdict is Verdict.FIRES


@pytest.mark.parametrize(("times", "verdict"), [(0.1, Verdict.FIRES), (0.3, Verdict.FIRES), (0.9, Verdict.QUIET)])
def test_a_policy_that_stopped_short_leaves_what_was_offered(times: float, verdict: Verdict, tmp_path: Path) -> None:
    """At times t the share (J* - J) / (J* - J(start)) is about (1 - t)^2 where rewards are normal."""
    finding = found("RL1 reached", tilted(times, reach=0.5), tmp_path)
    assert finding.verdict is verdict
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx((1 - times) ** 2, abs=0.15)


def test_where_samples_do_not_show_the_optimum_nothing_is_surely_near_it(tmp_path: Path) -> None:
    """Rewards of ten betas: the best of sixteen texts carries everything, and the optimum is somewhere beyond."""
    assert found("RL1 reached", tilted(0.2, reach=5.0), tmp_path).verdict is not Verdict.QUIET


def test_a_policy_that_did_not_move_paid_nothing(tmp_path: Path) -> None:
    finding = found("DC2 excess", tilted(0.0), tmp_path)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "has left its start" in finding.needs


def test_samples_that_are_all_alike_say_nothing(tmp_path: Path) -> None:
    rows = [
        row.model_copy(update={"reward": 1.0, "logprobs": (-1.0,), "reference_logprobs": (-2.0,)})
        for row in tilted(1.0)
    ]
    assert "rewards that differ" in found("RL1 reached", rows, tmp_path / "a").needs
    assert "samples of the policy that differ" in found("DC2 excess", rows, tmp_path / "b").needs


def test_an_objective_without_a_known_optimum_and_too_few_prompts_are_said(tmp_path: Path) -> None:
    rows = tilted(1.0)
    assert "`optimum`" in found("RL1 reached", rows, tmp_path / "a", known=False).needs
    few = [row for row in rows if row.prompt in {"p0", "p1"}]
    assert "6 prompts" in found("RL1 reached", few, tmp_path / "b").needs


def test_what_not_ending_costs_belongs_to_the_objective(tmp_path: Path) -> None:
    """The optimum of rewards less a penalty on every other text: exact again, and far from it without the penalty."""
    rows = [
        row.model_copy(update={"reward": (row.reward or 0.0) + 1.0, "finish_reason": "length"})
        if int(row.text.split()[1]) % 2
        else row
        for row in tilted(1.0)
    ]
    start, policy = ([row for row in rows if row.arm == arm] for arm in ("start", "policy"))
    optimum = optimum_from_start([row.reward or 0.0 for row in start], [row.prompt for row in start], BETA)
    assert optimum is not None
    for penalty, gap in ((1.0, 0.0), (0.0, None)):
        known = optimum.model_copy(update={"missing_eos_penalty": penalty})
        with RunDirectory.create(tmp_path / f"run-{penalty}") as run:
            EVALUATION_SAMPLES.write(run, rows)
            EVALUATION.write(run, compare(policy, start).model_copy(update={"optimum": known}))
            finding = finding_of("RL1 reached", run)
        assert finding.estimate is not None
        assert (finding.estimate.value == pytest.approx(0, abs=1e-9)) is (gap == 0.0)
