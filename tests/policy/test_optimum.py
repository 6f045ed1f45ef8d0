"""How far the optimum of a KL-regularised objective is: against enumeration, at its bound, and who has one."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import rel_entr, softmax

from accord.artefacts import EvaluationSample
from accord.lab.enumerated import draw_world
from accord.policy import GRPO, PPO, RLOO, KLObjective
from accord.policy.constraints import Constraint
from accord.policy.maxmin import MaxMin
from accord.policy.optimum import optimum_from_start
from accord.policy.registry import ALGORITHMS
from accord.policy.settings import PolicySettings
from accord.records import Sampling

Floats = NDArray[np.float64]
PROMPTS = 12


def named(texts: int) -> list[str]:
    return [f"p-{prompt}" for prompt in range(PROMPTS) for _ in range(texts)]


def exact(probability_N: Floats, score_N: Floats, kl_coef: float) -> float:
    """KL of the optimum to the start by enumeration."""
    optimum_N = softmax(np.log(probability_N) + score_N / kl_coef)
    return float(rel_entr(optimum_N, probability_N).sum())


@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("kl_coef", [0.5, 1.0, 2.0])
def test_many_texts_find_what_enumeration_gives(seed: int, kl_coef: float) -> None:
    world = draw_world(seed, symbols=4, length=3, prompts=PROMPTS)
    start_PN, score_PN = world.ref_PN.exp().numpy(), world.reward_PN.numpy()
    random = np.random.default_rng(seed)
    drawn = [
        random.choice(score_N, 800, p=start_N / start_N.sum())
        for start_N, score_N in zip(start_PN, score_PN, strict=True)
    ]
    found = optimum_from_start(np.concatenate(drawn), named(800), kl_coef)
    truth = np.mean([exact(start_N, score_N, kl_coef) for start_N, score_N in zip(start_PN, score_PN, strict=True)])
    assert found is not None
    assert found.resolved
    assert found.kl.value == pytest.approx(truth, rel=0.08)
    assert found.kl.low is not None
    assert found.kl.high is not None
    assert found.kl.low < truth < found.kl.high


@pytest.mark.parametrize("texts", [8, 32])
def test_scores_from_0_to_5_at_a_coefficient_of_005_are_farther_than_texts_tell(texts: int) -> None:
    score_N = np.linspace(0, 5, 5001)
    truth = exact(np.full(score_N.size, 1 / score_N.size), score_N, 0.05)
    drawn = np.random.default_rng(0).choice(score_N, PROMPTS * texts)
    found = optimum_from_start(drawn, named(texts), 0.05)
    assert found is not None
    assert not found.resolved
    assert found.samples == texts
    assert found.effective.value < 2
    assert math.log(texts) - math.log(2) < found.kl.value <= math.log(texts)
    assert found.kl.value < truth


def test_scores_from_0_to_1_at_a_coefficient_of_1_are_told() -> None:
    score_N = np.linspace(0, 1, 1001)
    drawn = np.random.default_rng(0).choice(score_N, PROMPTS * 32)
    found = optimum_from_start(drawn, named(32), 1.0)
    assert found is not None
    assert found.resolved
    assert found.effective.value > 25
    truth = exact(np.full(score_N.size, 1 / score_N.size), score_N, 1.0)
    assert found.kl.low is not None
    assert found.kl.high is not None
    assert found.kl.low < truth < found.kl.high


def test_what_few_texts_leave_out_is_added() -> None:
    """Of 32 texts with scores of normal spread 1 the plain estimate is .45 on average, the truth .5."""
    random = np.random.default_rng(1)
    found = [optimum_from_start(random.normal(0, 1, PROMPTS * 32), named(32), 1.0) for _ in range(40)]
    assert np.mean([each.kl.value for each in found if each is not None]) == pytest.approx(0.5, abs=0.025)


def test_alike_extreme_and_single_scores() -> None:
    alike = optimum_from_start([3.0] * PROMPTS * 10, named(10), 0.05)
    assert alike is not None
    assert (alike.kl.value, alike.kl.low, alike.resolved) == (0.0, 0.0, True)
    assert alike.effective.value == pytest.approx(10)
    extreme = optimum_from_start([-1e8, 0.0, 1e8] * PROMPTS, named(3), 1e-3)
    assert extreme is not None
    assert extreme.kl.value == pytest.approx(math.log(3))
    assert extreme.effective.value == pytest.approx(1)
    assert optimum_from_start([0.0, 1.0, 2.0], ["a", "a", "b"], 1.0) is None
    alone = optimum_from_start([0.0, 1.0, 2.0], ["a", "a", "a"], 1.0)
    assert alone is not None
    assert alone.kl.low is None


def sample(reward: float | None, finish_reason: Any = "eos", prompt: str = "p") -> EvaluationSample:
    return EvaluationSample(
        arm="start", index=0, prompt=prompt, text="", token_ids=(), rollout_logprobs=(), logprobs=(),
        reference_logprobs=(), finish_reason=finish_reason, temperature=1.0, eval_reward=0.0, reward=reward,
    )  # fmt: skip


def test_the_score_is_what_was_learnt_from_and_the_start_what_was_sampled() -> None:
    sampling = Sampling(max_tokens=10)
    objective = KLObjective(0.5, missing_eos_penalty=1.0, sampling=sampling)
    found = objective.optimum([sample(2.0, "length"), sample(1.0, "stop")], sampling.model_copy(update={"seed": 7}))
    assert found is not None
    assert found.kl.value == 0
    assert found.kl_coef == 0.5
    for other in ({"temperature": 0.7}, {"max_tokens": 9}, {"stop": ("\n",)}):
        assert objective.optimum([sample(2.0), sample(1.0)], sampling.model_copy(update=other)) is None
    assert objective.optimum([sample(2.0), sample(None)], sampling) is None
    assert objective.optimum([], sampling) is None


def test_only_who_converges_to_it_names_the_objective() -> None:
    having = {kind for kind in ALGORITHMS.names if ALGORITHMS.get(kind).model_construct().kl_objective is not None}
    assert having == {"ppo", "reinforce", "reinforce++", "rloo"}


@pytest.mark.parametrize(
    "settings",
    [
        RLOO(kl_coef=0),
        RLOO(constraints=(Constraint(component="length", at_most=20),)),
        RLOO(maxmin=MaxMin(groups=("a", "b"))),
        PPO(discount=0.9),
        PPO(pretrain_coef=0.1),
        GRPO(kl_coef=1.0),
    ],
    ids=lambda settings: settings.kind,
)
def test_where_more_counts_the_optimum_is_another(settings: PolicySettings) -> None:
    assert settings.kl_objective is None
