"""Where a trace of reasoning first goes wrong (BIG-Bench Mistake, Tyen et al. 2024): a process reward model by task.

A share of traces whose first wrong step is found, on traces that were not trained on: the first step that is more
likely wrong than right, none where there is none. Beside it: always the last step, always none, and the place that is
most frequent in training by task. One model learns all tasks in one pass; word sorting, whose traces are the longest by
far, is left out to keep it to minutes on a small machine.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from accord.feedback import Dataset
from accord.records import Completion, Evaluator, Feedback, Prompt, Steps
from accord.reward import StepReward
from accord.reward.segments.step_judge import StepJudge
from accord.run import RunDirectory
from accord.stats import proportion
from accord.train import Optim

TASKS = ("dyck_languages", "logical_deduction", "multistep_arithmetic", "tracking_shuffled_objects")
TRAINED, TESTED = 60, 40  # traces of each task
FORM: dict[str, Any] = {"base": "smollm2-135m", "layers": 6, "trained_layers": 2, "epochs": 1, "step_completions": 10}
OPTIM = Optim(lr=1e-4, warmup_steps=5)


def measure(data: Path, seeds: range, *, trained: int = TRAINED, tested: int = TESTED, **form: Any) -> dict[str, Any]:
    """Shares by task and over all, of the model and of what costs nothing."""
    found: dict[str, Any] = {"trained": trained, "tested": tested}
    for seed in seeds:
        rows = {task: _drawn(data / f"bigbench_mistake/{task}.jsonl", seed, trained + tested) for task in TASKS}
        dataset, tests = (
            _dataset({task: some[:trained] for task, some in rows.items()}),
            {task: some[trained:] for task, some in rows.items()},
        )
        with TemporaryDirectory() as folder, RunDirectory.create(Path(folder) / "run", seed=seed) as run:
            judge = StepReward(**{**FORM, "optim": OPTIM, **form}).fit(dataset, run)
            assert isinstance(judge, StepJudge)
            found[f"seed {seed}"] = _compared(judge, rows, trained, tests)
    return found


def _drawn(file: Path, seed: int, count: int) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))[:count]]


def _trace(row: dict[str, Any]) -> tuple[Prompt, Completion]:
    """A trace as a completion; a blank step is given a mark, so that places stay those of the file."""
    prompt = Prompt.ask(row["input"])
    starts, text = [], ""
    for step in row["steps"]:
        starts.append(len(text))
        text += (step.strip() or "-") + "\n"
    return prompt, Completion(prompt=prompt.id, text=text, step_starts=tuple(starts))


def _dataset(rows: dict[str, list[dict[str, Any]]]) -> Dataset:
    evaluator = Evaluator(kind="person", pseudonym="unknown", inferred=True)
    prompts, completions, feedback = {}, {}, []
    for row in (row for some in rows.values() for row in some):
        prompt, completion = _trace(row)
        wrong, count = row["mistake_index"], len(row["steps"])
        verdicts = ["right"] * count if wrong is None else ["right"] * wrong + ["wrong"]
        prompts[prompt.id], completions[completion.id] = prompt, completion
        judgement = Steps(verdicts=tuple(verdicts))  # type: ignore[arg-type]  # literals
        feedback.append(
            Feedback(evaluator=evaluator.id, prompt=prompt.id, completions=(completion.id,), judgement=judgement)
        )
    split_of = dict.fromkeys(prompts, "train")
    return Dataset(prompts, completions, {evaluator.id: evaluator}, split_of, {"train": ()}, {"train": feedback})


def _compared(
    judge: StepJudge, rows: dict[str, list[dict[str, Any]]], trained: int, tests: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    hits: dict[str, dict[str, list[bool]]] = {}
    for task, some in tests.items():
        wanted = [row["mistake_index"] for row in some]
        usual = Counter(row["mistake_index"] for row in rows[task][:trained]).most_common(1)[0][0]
        guesses = {
            "model": _first_wrong(judge, some),
            "last": [len(row["steps"]) - 1 for row in some],
            "none": [None] * len(some),
            "usual": [usual] * len(some),
        }
        hits[task] = {name: [a == b for a, b in zip(wanted, places, strict=True)] for name, places in guesses.items()}
    hits["all"] = {name: [hit for each in list(hits.values()) for hit in each[name]] for name in hits[TASKS[0]]}
    return {task: {name: _share(some) for name, some in by_name.items()} for task, by_name in hits.items()}


def _first_wrong(judge: StepJudge, rows: Sequence[dict[str, Any]]) -> list[int | None]:
    traces = [_trace(row) for row in rows]
    found = judge.steps([prompt for prompt, _ in traces], [completion for _, completion in traces])
    return [next(iter(np.flatnonzero(right_JS.mean(1) < 0.5).tolist()), None) for _, right_JS in found]


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    estimate = proportion(sum(hits), len(hits))
    return {
        "share": round(estimate.value, 3),
        "interval": [round(float(x or 0), 3) for x in (estimate.low, estimate.high)],
    }
