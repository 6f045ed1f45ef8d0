"""The independent judge's second opinion on what the policy wrote while it learnt, and the curve that it gives."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from accord.artefacts import SAMPLES, CurvePoint, JudgedRollout, RolloutRow
from accord.interfaces import Judge
from accord.policy.evaluate import kl_of
from accord.records import Completion
from accord.stats import Estimate, mean
from accord.train.seeds import shuffled

if TYPE_CHECKING:
    from accord.loop.stage import Context

__all__ = ["curve_of", "judge_rollouts"]


def judge_rollouts(context: "Context", judge: Judge) -> list[JudgedRollout] | None:
    """The judge's scores of at most `curve_samples` rollouts of each step.

    None where the policy wrote nothing while it learnt, or its KL was not watched.
    """
    settings = context.recipe.evaluate
    assert settings is not None
    rollouts = context.reader.samples() if context.reader.has(SAMPLES, "policy") else []
    if not rollouts or rollouts[0].reference_logprobs is None:
        return None
    steps = {step: list(rows) for step, rows in groupby(rollouts, lambda row: row.step)}
    judged: list[JudgedRollout] = []
    for step, rows in context.progress.track(steps.items(), "judging", len(steps)):
        order = shuffled(len(rows), context.run.seed, "curve", step)[: settings.curve_samples]
        judged += _judged([rows[i] for i in sorted(order)], judge, context)
    return judged


def _judged(rows: Sequence[RolloutRow], judge: Judge, context: "Context") -> Iterator[JudgedRollout]:
    prompts = [context.reader.prompts[row.prompt] for row in rows]
    completions = [Completion(prompt=row.prompt, text=row.text) for row in rows]
    scores = judge.score(prompts, completions)
    for index, (row, score) in enumerate(zip(rows, scores.value_N.tolist(), strict=True)):
        assert row.reward is not None
        yield JudgedRollout(
            step=row.step,
            index=row.index,
            prompt=row.prompt,
            reward=row.reward,
            reward_std=row.reward_std,
            eval_reward=round(score, 6),
            eval_reward_std=None if scores.std_N is None else round(float(scores.std_N[index]), 6),
            kl=round(kl_of(row), 6),
        )


def curve_of(rollouts: Sequence[JudgedRollout]) -> Iterator[CurvePoint]:
    """The reward's and the judge's mean score at each step's KL, with intervals over prompts."""
    for step, rows_of_step in groupby(rollouts, lambda row: row.step):
        rows = list(rows_of_step)
        prompts = [row.prompt for row in rows]
        yield CurvePoint(
            step=step,
            kl=mean([_kl(row) for row in rows], prompts),
            reward=mean([row.reward for row in rows], prompts),
            reward_std=_mean_of([row.reward_std for row in rows], prompts),
            eval_reward=mean([row.eval_reward for row in rows], prompts),
            eval_reward_std=_mean_of([row.eval_reward_std for row in rows], prompts),
        )


def _kl(row: JudgedRollout) -> float:
    """Raises ValueError where it was not watched."""
    if row.kl is None:
        raise ValueError("the KL of this rollout was not watched")
    return row.kl


def _mean_of(numbers: Sequence[float | None], prompts: Sequence[str]) -> Estimate | None:
    """None where one of them is not known."""
    known = [number for number in numbers if number is not None]
    return mean(known, prompts) if len(known) == len(numbers) else None
