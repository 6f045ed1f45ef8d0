"""Evaluation by somebody else: the policy beside its start, judged by a model it was not optimised against."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from accord.errors import RecipeError
from accord.feedback import read_data
from accord.interfaces import Judge
from accord.lm.causal import CausalModel, load
from accord.loop.policy import start_of
from accord.loop.progress import ProgressDisplay
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.policy.evaluate import compare, describe, win_rate
from accord.policy.rollout import generate_rollouts
from accord.recipe import Recipe
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.stats import Estimate, mean
from accord.train.seeds import seed_of, shuffled

__all__ = ["evaluate", "head_to_head"]

Row = dict[str, Any]
TOGETHER = 6  # prompts sampled at once


def evaluate(context: Context) -> None:
    """Sample both arms on held-out prompts, judge them, judge the rollouts of the run, and write the numbers."""
    recipe, run, progress = context.recipe, context.run, context.progress
    assert recipe.evaluate is not None
    judges = judges_of(recipe, run)
    rows = _samples(recipe, run, judges, progress)
    run.write_jsonl("evaluation/samples.jsonl", rows, stage="evaluate")
    arms = {arm: [row for row in rows if row["arm"] == arm] for arm in ("start", "policy")}
    found: dict[str, Any] = {name: each.to_json() for name, each in compare(arms["policy"], arms["start"]).items()}
    for arm, members in arms.items():
        found[arm] = {name: each.to_json() for name, each in describe(members).items()}
    if (rollouts := _rollouts(recipe, run, judges["eval_reward"], progress)) is not None:
        run.write_jsonl("evaluation/rollouts.jsonl", rollouts, stage="evaluate")
        run.write_jsonl("evaluation/curve.jsonl", _curve(rollouts), stage="evaluate")
    run.write_json("evaluation/evaluation.json", found, stage="evaluate")
    progress.say(f"  win rate over the start, by the independent judge: {Estimate.from_json(found['win_rate'])}")


def head_to_head(recipe: Recipe, run: RunDirectory, opponent: RunDirectory) -> dict[str, Estimate]:
    """This run's policy against another's on the prompts that both answered, by this run's independent judge.

    Raises `RecipeError` where they share no prompt, `ArtefactError` where one was not evaluated.
    """
    mine, theirs = (
        [row for row in each.read_jsonl("evaluation/samples.jsonl") if row["arm"] == "policy"]
        for each in (run, opponent)
    )
    shared = {row["prompt"] for row in mine} & {row["prompt"] for row in theirs}
    if not shared:
        raise RecipeError(
            f"{run.path} and {opponent.path} were evaluated on no prompt in common; nothing can be compared"
        )
    prompts = read_data(run).prompts
    judge = judges_of(recipe, run)["eval_reward"]
    mine, theirs = _read(judge, prompts, mine, shared), _read(judge, prompts, theirs, shared)
    found = {"win_rate": win_rate(mine, theirs, "eval_reward")}
    for name, rows in (("judge, this run", mine), ("judge, other run", theirs)):
        found[name] = mean([row["eval_reward"] for row in rows], [row["prompt"] for row in rows])
    return found


def _read(judge: Judge, prompts: Mapping[str, Prompt], rows: list[Row], shared: set[str]) -> list[Row]:
    """The rows of shared prompts with the judge's score, each text read once and alone: equal texts are ties."""
    chosen = [row for row in rows if row["prompt"] in shared]
    texts = list(dict.fromkeys((row["prompt"], row["text"]) for row in chosen))
    scores = {
        (prompt, text): float(judge.score([prompts[prompt]], [Completion(prompt=prompt, text=text)]).value_N[0])
        for prompt, text in texts
    }
    return [{**row, "eval_reward": scores[row["prompt"], row["text"]]} for row in chosen]


def _samples(recipe: Recipe, run: RunDirectory, judges: dict[str, Judge], progress: ProgressDisplay) -> list[Row]:
    """Fresh samples of both arms, with log-probabilities under the arm and under the start."""
    assert recipe.evaluate is not None
    assert recipe.policy is not None
    data = read_data(run)
    prompts = data.prompts_of("held_out")[: recipe.evaluate.max_prompts]
    form = recipe.policy
    start = form.open(start_of(recipe, run), seed=seed_of(run.seed, "policy"))
    tuned = load(run.verified("policy/model"), dtype=form.dtype, device=form.place)
    rows: list[Row] = []
    chunks = [prompts[i : i + TOGETHER] for i in range(0, len(prompts), TOGETHER)]
    work = [(arm, causal, chunk) for arm, causal in (("start", start), ("policy", tuned)) for chunk in chunks]
    for number, (arm, causal, chunk) in enumerate(progress.track(work, "samples", len(work))):
        sampling = recipe.evaluate.sampling.model_copy(update={"seed": seed_of(run.seed, "evaluate", number)})
        rows += _arm(arm, causal, start, judges, chunk, recipe.evaluate.samples_per_prompt, sampling, len(rows))
    return rows


def _arm(
    arm: str,
    causal: CausalModel,
    start: CausalModel,
    judges: dict[str, Judge],
    prompts: Sequence[Prompt],
    n: int,
    sampling: Any,
    first: int,
) -> list[Row]:
    made = generate_rollouts(causal, start, judges["eval_reward"], prompts, n, sampling)
    columns = {"eval_reward": made.score_B.tolist()}
    if "reward" in judges:
        columns["reward"] = judges["reward"].score(made.prompts, made.completions).value_N.tolist()
    rows = []
    for index, (completion, each) in enumerate(zip(made.completions, made.samples, strict=True)):
        size = len(each.token_ids)
        rows.append(
            {
                "arm": arm,
                "index": first + index,
                "prompt": completion.prompt,
                "text": completion.text,
                "token_ids": list(each.token_ids),
                "rollout_logprobs": [round(x, 6) for x in each.logprobs],
                "logprobs": [round(x, 6) for x in made.policy.logprob_BT[index, :size].tolist()],
                "reference_logprobs": [round(x, 6) for x in made.reference_BT[index, :size].tolist()],
                "finish_reason": each.finish_reason,
                "temperature": sampling.temperature,
                **{name: round(column[index], 6) for name, column in columns.items()},
            }
        )
    return rows


def _rollouts(recipe: Recipe, run: RunDirectory, judge: Judge, progress: ProgressDisplay) -> list[Row] | None:
    """The independent judge's second opinion on (at most `curve_samples` of) the rollouts of each step.

    None where the policy wrote nothing while it learnt, or its KL was not watched.
    """
    assert recipe.evaluate is not None
    file = "policy/samples.jsonl"
    rollouts = run.read_jsonl(file) if run.has(file) else []
    if not rollouts or "reference_logprobs" not in rollouts[0]:
        return None
    prompts = read_data(run).prompts
    by_step = {step: list(rows) for step, rows in groupby(rollouts, lambda row: row["step"])}
    found: list[Row] = []
    for step, rows in progress.track(by_step.items(), "judging", len(by_step)):
        chosen = [
            rows[i] for i in sorted(shuffled(len(rows), run.seed, "curve", step)[: recipe.evaluate.curve_samples])
        ]
        asked = [prompts[row["prompt"]] for row in chosen]
        written = [Completion(prompt=row["prompt"], text=row["text"]) for row in chosen]
        for row, score in zip(chosen, judge.score(asked, written).value_N.tolist(), strict=True):
            kl = float(np.sum(row["logprobs"]) - np.sum(row["reference_logprobs"]))
            found.append(
                {
                    "step": step,
                    "index": row["index"],
                    "prompt": row["prompt"],
                    "reward": row["reward"],
                    "eval_reward": round(score, 6),
                    "kl": round(kl, 6),
                }
            )
    return found


def _curve(rollouts: list[Row]) -> Iterator[Row]:
    """The reward model's and the judge's mean score at each step's KL, with intervals over prompts."""
    for step, members in groupby(rollouts, lambda row: row["step"]):
        rows = list(members)
        prompts = [row["prompt"] for row in rows]
        numbers = {
            name: mean([row[name] for row in rows], prompts).to_json() for name in ("kl", "reward", "eval_reward")
        }
        yield {"step": step, **numbers}
