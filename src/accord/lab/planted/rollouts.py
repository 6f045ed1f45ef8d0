"""What the policy of a planted run writes: rollouts under growing pressure, then fresh samples of both arms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accord.artefacts import (
    CURVE,
    EVALUATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    SAMPLES,
    EvaluationSample,
    JudgedRollout,
    OnlineMetrics,
    RolloutRow,
)
from accord.interfaces import Judge
from accord.lab.lexicon import Policy, WordJudge
from accord.lab.planted.learner import Learner
from accord.loop.judged_rollouts import curve_of
from accord.policy.evaluate import compare
from accord.policy.optimum import optimum_from_start
from accord.records import Completion, Prompt
from accord.run import RunDirectory

__all__ = ["write_evaluation", "write_training"]


@dataclass(frozen=True)
class ScoredText:
    """A text of a policy, with its log-probabilities and what both judges make of it."""

    index: int
    prompt: str
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    reference_logprobs: tuple[float, ...]
    reward: float
    eval_reward: float

    @property
    def kl(self) -> float:
        """log-ratio of policy to start, nats."""
        return sum(self.logprobs) - sum(self.reference_logprobs)

    def rollout(self, step: int) -> RolloutRow:
        """As the policy's own file has it."""
        return RolloutRow(step=step, reward=self.reward, **self._columns())

    def judged(self, step: int) -> JudgedRollout:
        """As the evaluation has it."""
        return JudgedRollout(
            step=step,
            index=self.index,
            prompt=self.prompt,
            reward=self.reward,
            eval_reward=self.eval_reward,
            kl=self.kl,
        )

    def sample(self, arm: str) -> EvaluationSample:
        """As a fresh sample of an arm."""
        return EvaluationSample(arm=arm, reward=self.reward, eval_reward=self.eval_reward, **self._columns())

    def _columns(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "prompt": self.prompt,
            "text": self.text,
            "token_ids": self.token_ids,
            "rollout_logprobs": self.logprobs,
            "logprobs": self.logprobs,
            "reference_logprobs": self.reference_logprobs,
            "finish_reason": "eos",
            "temperature": 1.0,
        }


def write_training(
    run: RunDirectory,
    start: Policy,
    judges: Mapping[str, WordJudge],
    prompts: Sequence[Prompt],
    random: np.random.Generator,
    *,
    learner: Learner,
    pressure: float,
    steps: int,
    rollouts: int,
    writer_of: Callable[[Policy, float], Policy],
) -> list[tuple[Policy, float]]:
    """Write rollouts and metrics of every step, and the independent judge's opinion.

    Returns the policy of each step and its pressure, from which `writer_of` makes what writes. The pressure grows
    evenly to `pressure`, as far as rewards within groups differ: that of a step whose groups are all alike stays.
    """
    rollout_prompts = [prompts[i % len(prompts)] for i in range(rollouts)]
    policies, by_step, lessons = [(start, 0.0)], [], 0.0
    for step in range(1, steps + 1):
        written = write_texts(writer_of(*policies[-1]), writer_of(start, 0.0), rollout_prompts, judges, random)
        texts = [replace(text, reward=learner.reward(text.reward)) for text in written]
        by_step.append((step, texts))
        lessons += learner.lesson([text.prompt for text in texts], [text.reward for text in texts])
        if step < steps:
            reached = lessons * (pressure / (steps - 1))
            policies.append((start.towards(judges["reward"], reached), reached))
    SAMPLES.write(run, [text.rollout(step) for step, texts in by_step for text in texts], stage="policy")
    METRICS.write(run, [_metrics(step, texts) for step, texts in by_step], stage="policy")
    judged = [text.judged(step) for step, texts in by_step for text in texts]
    JUDGED_ROLLOUTS.write(run, judged)
    CURVE.write(run, curve_of(judged))
    return policies


def write_evaluation(
    run: RunDirectory,
    start: Policy,
    policy: Policy,
    judges: Mapping[str, Judge],
    prompts: Sequence[Prompt],
    random: np.random.Generator,
    *,
    samples: int,
    kl_coef: float,
) -> None:
    """Write fresh samples of both arms, and the policy against its start and its objective's optimum."""
    sample_prompts = [prompt for prompt in prompts for _ in range(samples)]
    by_arm = {
        arm: [text.sample(arm) for text in write_texts(writer, start, sample_prompts, judges, random)]
        for arm, writer in (("start", start), ("policy", policy))
    }
    EVALUATION_SAMPLES.write(run, [sample for of_arm in by_arm.values() for sample in of_arm])
    scores = [sample.reward or 0.0 for sample in by_arm["start"]]
    optimum = optimum_from_start(scores, [sample.prompt for sample in by_arm["start"]], kl_coef)
    EVALUATION.write(run, compare(by_arm["policy"], by_arm["start"]).model_copy(update={"optimum": optimum}))


def write_texts(
    policy: Policy, start: Policy, prompts: Sequence[Prompt], judges: Mapping[str, Judge], random: np.random.Generator
) -> list[ScoredText]:
    """A text of the policy for each prompt, scored by both judges."""
    texts = [policy.answer(prompt.id, random) for prompt in prompts]
    completions = [Completion(prompt=p.id, text=text) for p, (text, _) in zip(prompts, texts, strict=True)]
    reward_N, eval_reward_N = (judges[name].score(prompts, completions).value_N for name in ("reward", "eval_reward"))
    return [
        ScoredText(
            index=index,
            prompt=completion.prompt,
            text=completion.text,
            token_ids=tuple(tokens),
            logprobs=tuple(policy.logprobs(tokens)),
            reference_logprobs=tuple(start.logprobs(tokens)),
            reward=float(reward_N[index]),
            eval_reward=float(eval_reward_N[index]),
        )
        for index, (completion, (_, tokens)) in enumerate(zip(completions, texts, strict=True))
    ]


def _metrics(step: int, texts: Sequence[ScoredText]) -> OnlineMetrics:
    """What can be logged of a step that nobody trained: the policy is its own sampler."""
    reward_N = np.array([text.reward for text in texts])
    kl_N = np.array([text.kl for text in texts])
    return OnlineMetrics(
        step=step,
        lr=None,
        grad_norm=None,
        seconds=None,
        reward=float(reward_N.mean()),
        reward_std=float(reward_N.std()),
        kl=float(kl_N.mean()),
        kl_se=float(kl_N.std(ddof=1) / len(kl_N) ** 0.5),
        entropy=-float(np.mean([np.mean(text.logprobs) for text in texts])),
        clip_frac=None,
        policy_loss=None,
        length=float(np.mean([len(text.token_ids) for text in texts])),
        stop_rate=1.0,
        sampler_logprob_diff=0.0,
        sampler_kl=0.0,
    )
