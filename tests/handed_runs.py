"""Small runs whose rewards are handed over: one that is learnt, and one that is stated and opens without any model."""

import json
from pathlib import Path
from typing import Any

from accord.artefacts import RECIPE
from accord.feedback import write_data
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context
from accord.loop.stages import stages_of
from accord.recipe import Recipe, dump, parse
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

__all__ = ["learnt_run", "stated_run"]

STATED = """
[reward]
kind = "answer"
match = "text"
references = "{references}"

[rewards.short]
kind = "length"
unit = "characters"
at_most = 8

[combine]
kind = "weighted_sum"
weights = {{ short = 0.5 }}

[evaluate.judge]
kind = "length"
unit = "words"
at_most = 3
"""


def learnt_run(path: Path, *, members: int = 2) -> Path:
    """A reward with members and an independent judge on the tiny model, on letters."""
    reward = BradleyTerry(
        base="tiny", dtype="float32", epochs=2, step_completions=32, save_every=50, optim=Optim(lr=5e-3),
        head_lr_scale=1, ensemble_size=members,
    )  # fmt: skip
    recipe = Recipe.model_validate({"reward": reward, "evaluate": {"judge": reward}})
    return _made(path, recipe, ("reward", "eval_reward"))


def stated_run(path: Path, *, answers: dict[str, str] | None = None, extra: str = "") -> Path:
    """A reward of right answers and of length, and a judge of length; each prompt has a reference."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = letters_dataset(prompts=6)
    references = path.parent / f"{path.name}-references.jsonl"
    lines: list[dict[str, Any]] = [
        {"prompt": prompt.id, "answer": (answers or {}).get(prompt.text, "aa")} for prompt in data.prompts.values()
    ]
    references.write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = parse(STATED.format(references=references) + extra, folder=path.parent)
    return _made(path, recipe, ("reward", "rewards/short", "combine", "eval_reward"))


def _made(path: Path, recipe: Recipe, stages: tuple[str, ...]) -> Path:
    table, progress = stages_of(recipe), ProgressDisplay(quiet=True)
    with RunDirectory.create(path) as run:
        RECIPE.write(run, dump(recipe))
        write_data(run, letters_dataset(prompts=6))
        for name in stages:
            table[name].perform(Context(recipe, run, progress, stage=name))
    return path
