"""Evaluation by somebody else: the policy beside its start, judged by a model it was not optimised against."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from accord.artefacts import (
    CURVE,
    EVALUATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    MODEL,
    EvaluationSample,
    OnlineMetrics,
    OptimumEstimate,
)
from accord.interfaces import Judge, Scores
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.loop.judged_rollouts import curve_of, judge_rollouts
from accord.loop.policy import compared_with
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.policy.caution import Cautious
from accord.policy.evaluate import compare
from accord.policy.rollout import generate_rollouts, score_doubt
from accord.policy.settings import PolicySettings
from accord.records import Completion, Prompt, Sampling
from accord.train.seeds import seed_of

__all__ = ["evaluate", "sample_arm"]

TOGETHER = 6  # prompts sampled at once


def evaluate(context: Context) -> None:
    """Sample both arms on held-out prompts, judge them, judge the rollouts of the run, and write the numbers."""
    run, stage = context.run, context.stage
    judges = judges_of(context)
    samples = _samples(context, judges)
    EVALUATION_SAMPLES.write(run, samples, stage=stage)
    start, policy = ([sample for sample in samples if sample.arm == arm] for arm in ("start", "policy"))
    evaluation = compare(policy, start).model_copy(update={"optimum": _optimum(context, start)})
    judge = judges.get("eval_reward")
    if judge is not None and (rollouts := judge_rollouts(context, judge)) is not None:
        JUDGED_ROLLOUTS.write(run, rollouts, stage=stage)
        CURVE.write(run, curve_of(rollouts), stage=stage)
    EVALUATION.write(run, evaluation, stage=stage)
    measured = {"kl": evaluation.kl, "win_rate": evaluation.win_rate, "win_rate_reward": evaluation.win_rate_reward}
    context.trackers.note(stage, {name: each.value for name, each in measured.items() if each is not None})
    by, win_rate = "the independent judge", evaluation.win_rate
    if judge is None:
        by, win_rate = "the reward that it learnt from; nobody else judges", evaluation.win_rate_reward
    context.progress.say(f"  win rate over the start, by {by}: {win_rate}")


def _optimum(context: Context, start: Sequence[EvaluationSample]) -> OptimumEstimate | None:
    """How far the optimum of the policy's objective is, at the coefficient of its last step."""
    recipe, reader = context.recipe, context.reader
    assert recipe.evaluate is not None
    assert recipe.policy is not None
    objective = recipe.policy.kl_objective
    if objective is None:
        return None
    last = reader.metrics("policy")[-1] if reader.has(METRICS, "policy") else None
    if isinstance(last, OnlineMetrics) and last.kl_coef:
        objective = replace(objective, kl_coef=last.kl_coef)
    return objective.optimum(start, recipe.evaluate.sampling)


def _samples(context: Context, judges: Mapping[str, Judge]) -> list[EvaluationSample]:
    """Fresh samples of both arms, with log-probabilities under the arm and under the start."""
    recipe, run = context.recipe, context.run
    assert recipe.evaluate is not None
    assert recipe.policy is not None
    prompts = context.reader.prompts_of("held_out")[: recipe.evaluate.max_prompts]
    settings = recipe.policy
    start = settings.open(compared_with(context), seed=seed_of(run.seed, "policy"))
    policy = load(
        MODEL.verified(run, context.beside("policy")),
        dtype=settings.dtype,
        device=settings.resolved_device,
        trust_remote_code=settings.trust_remote_code,
    )
    chunks = [prompts[i : i + TOGETHER] for i in range(0, len(prompts), TOGETHER)]
    work = [(arm, causal, chunk) for arm, causal in (("start", start), ("policy", policy)) for chunk in chunks]
    samples: list[EvaluationSample] = []
    for number, (arm, causal, chunk) in enumerate(context.progress.track(work, "samples", len(work))):
        sampling = recipe.evaluate.sampling.model_copy(update={"seed": seed_of(run.seed, "evaluate", number)})
        number_of = recipe.evaluate.samples_per_prompt
        written = sample_arm(causal, start, judges, chunk, number_of, sampling, arm=arm, learner=settings)
        first = len(samples)
        samples += [sample.model_copy(update={"index": first + sample.index}) for sample in written]
    return samples


def sample_arm(
    causal: CausalModel,
    start: CausalModel,
    judges: Mapping[str, Judge],
    prompts: Sequence[Prompt],
    n: int,
    sampling: Sampling,
    *,
    arm: str,
    learner: PolicySettings | None = None,
) -> list[EvaluationSample]:
    """`n` samples of each prompt by a model, judged by what there is, measured under it and under the start.

    Where the policy learnt with caution, `learner` being its settings, the cautious score is kept too.
    """
    first = next((name for name in ("eval_reward", "reward") if name in judges), "")
    rollout = generate_rollouts(causal, start, judges.get(first, _Nobody()), prompts, n, sampling)
    judged = rollout.judged if first == "eval_reward" else None
    if first == "reward":
        reward = rollout.judged
    else:
        reward = judges["reward"].score(rollout.prompts, rollout.completions) if "reward" in judges else None
    low_B = None
    if reward is not None and isinstance(learner, Cautious) and learner.is_cautious and reward.members_NS is not None:
        low_B = learner.low_end(reward, "the judge").tolist()
    samples = []
    for index, (completion, sample) in enumerate(zip(rollout.completions, rollout.samples, strict=True)):
        size = len(sample.token_ids)
        samples.append(
            EvaluationSample(
                arm=arm,
                index=index,
                prompt=completion.prompt,
                text=completion.text,
                token_ids=tuple(sample.token_ids),
                rollout_logprobs=_rounded(sample.logprobs),
                logprobs=_rounded(rollout.policy.logprob_BT[index, :size].tolist()),
                reference_logprobs=_rounded(rollout.reference_BT[index, :size].tolist()),
                finish_reason=sample.finish_reason,
                temperature=sampling.temperature,
                eval_reward=None if judged is None else round(float(judged.value_N[index]), 6),
                eval_reward_std=None if judged is None else score_doubt(judged, index).get("reward_std"),
                reward=None if reward is None else round(float(reward.value_N[index]), 6),
                cautious_reward=None if low_B is None else round(low_B[index], 6),
                **score_doubt(reward, index),
            )
        )
    return samples


class _Nobody:
    """Stands where no judge is, so that texts can be sampled and measured; its numbers are kept nowhere."""

    name = "nobody"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """Zeros."""
        return Scores(np.zeros(len(completions)))


def _rounded(numbers: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(number, 6) for number in numbers)
