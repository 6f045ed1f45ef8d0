"""Further judges and metrics of an evaluation: stages that read its samples, one each, so that they can be added later.

Both arms answered the same prompts, so that a difference is one of prompts: its interval is over them.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from accord.artefacts import (
    CARD,
    OWN_EVALUATION,
    PAIR_READINGS,
    TEXT_NUMBERS,
    EvaluationSample,
    OwnEvaluation,
    TextNumber,
)
from accord.feedback import read_data
from accord.interfaces import Judge
from accord.loop.independence import model_taught, taught_by
from accord.loop.judge_in_pairs import PairJudge, pairs_of, told_of_pairs
from accord.loop.rewards import judge_steps, train_reward
from accord.loop.stage import Context
from accord.policy.evaluate import win_rate
from accord.policy.judge_failures import scores_of
from accord.recipe.judges import ModelJudge
from accord.records import Completion, Prompt
from accord.reward.kinds.python import PythonReward
from accord.reward.settings import RewardSettings
from accord.stats import Estimate, mean
from accord.train.seeds import seed_of

__all__ = ["by_prompt", "judge_samples", "measure_samples"]

TOGETHER = 64  # texts that a judge is handed at once


def judge_samples(context: Context) -> None:
    """One of `[evaluate.judges]`: it is made, and reads what both arms wrote."""
    assert context.recipe.evaluate is not None
    settings = context.recipe.evaluate.judges[_name(context)]
    if isinstance(settings, ModelJudge):
        found = _ask_model(settings, context)
    else:
        train_reward(settings, context, judge_steps, split="eval_reward")
        found = _score(settings, context, "judge")
    OWN_EVALUATION.write(context.run, found, stage=context.stage)
    context.progress.say(f"  {context.stage}: win rate over the start {found.win_rate}")


def measure_samples(context: Context) -> None:
    """One of `[evaluate.metrics]`: a number of each text that both arms wrote."""
    assert context.recipe.evaluate is not None
    settings = context.recipe.evaluate.metrics[_name(context)]
    data = read_data(context.run, prefix=context.prefix)
    for _ in settings.steps(data, context.run, split="eval_reward", stage=context.stage):
        pass
    found = _score(settings, context, "metric")
    OWN_EVALUATION.write(context.run, found, stage=context.stage)
    context.progress.say(f"  {context.stage}: policy less start {found.difference}")


def by_prompt(policy: Sequence[tuple[str, float]], start: Sequence[tuple[str, float]]) -> Estimate | None:
    """The mean over prompts of the policy's mean less the start's; None where they answered no prompt in common.

    Given are (prompt, number) of each text. n is prompts: each prompt's difference is one observation.
    """
    own, others = _means(policy), _means(start)
    differences = [own[prompt] - others[prompt] for prompt in own if prompt in others]
    return mean(differences) if differences else None


def _means(numbers: Sequence[tuple[str, float]]) -> dict[str, float]:
    of: dict[str, list[float]] = {}
    for prompt, number in numbers:
        of.setdefault(prompt, []).append(number)
    return {prompt: sum(several) / len(several) for prompt, several in of.items()}


def _name(context: Context) -> str:
    return context.stage.rpartition("/")[2]


def _score(settings: RewardSettings, context: Context, role: Literal["judge", "metric"]) -> OwnEvaluation:
    """What a judge or metric makes of each sample, kept, and what that says of the policy."""
    run, stage, reader = context.run, context.stage, context.reader
    samples = reader.evaluation_samples
    with context.progress.busy(f"  {stage}: reading {len(samples):,} texts"):
        values = _values(settings.load(run, stage=stage), samples, reader.prompts)
    rows = [
        TextNumber.model_validate({"arm": s.arm, "index": s.index, "prompt": s.prompt, "value": value})
        for s, value in zip(samples, values, strict=True)
    ]
    TEXT_NUMBERS.write(run, rows, stage=stage)
    start, policy = ([(row.prompt, row.value) for row in rows if row.arm == arm] for arm in ("start", "policy"))
    card = reader.card(stage) if reader.has(CARD, stage) else None
    return OwnEvaluation(
        role=role,
        kind=settings.kind,
        by=_who(settings),
        trained_on=taught_by(settings, context.recipe),
        win_rate=win_rate(policy, start) if role == "judge" else None,
        start=_mean(start),
        policy=_mean(policy),
        difference=by_prompt(policy, start),
        accuracy=None if card is None else card.accuracy,
    )


def _values(judge: Judge, samples: Sequence[EvaluationSample], prompts: Mapping[str, Prompt]) -> list[float]:
    """A number each. Equal texts to one prompt are read once, so that they are ties."""
    texts = list(dict.fromkeys((sample.prompt, sample.text) for sample in samples))
    values: dict[tuple[str, str], float] = {}
    for first in range(0, len(texts), TOGETHER):
        part = texts[first : first + TOGETHER]
        completions = [Completion(prompt=prompt, text=text) for prompt, text in part]
        scores = scores_of(judge, [prompts[prompt] for prompt, _ in part], completions)
        values |= dict(zip(part, map(float, scores.value_N), strict=True))
    return [values[sample.prompt, sample.text] for sample in samples]


def _mean(numbers: Sequence[tuple[str, float]]) -> Estimate | None:
    return mean([number for _, number in numbers], [prompt for prompt, _ in numbers]) if numbers else None


def _who(settings: RewardSettings) -> str:
    if isinstance(settings, PythonReward):
        return f"the function {settings.function} of {settings.file.name}"
    if settings.learns_from:
        return f"{settings.kind}, learnt from feedback that no reward saw"
    return f"{settings.kind}: {settings.objective}" if settings.objective else settings.kind


def _ask_model(settings: ModelJudge, context: Context) -> OwnEvaluation:
    reader, stage = context.reader, context.stage
    judge = PairJudge.find(settings, seed_of(context.run.seed, stage))
    pairs = pairs_of(reader.evaluation_samples, reader.prompts, settings.pairs_per_prompt)
    with context.progress.busy(f"  {stage}: {judge.chat.name} reads {len(pairs):,} pairs in both orders"):
        rows = judge.read(pairs, context.run, stage)
    PAIR_READINGS.write(context.run, rows, stage=stage)
    return told_of_pairs(rows, judge, model_taught(judge.chat.name, context.recipe, reader))
