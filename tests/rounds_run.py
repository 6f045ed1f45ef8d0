"""A small run in rounds: real models and a crowd of one, a program that mostly prefers the shorter of two texts."""

import shutil
from pathlib import Path

from accord.loop.drive import start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.rounds import drive_rounds
from accord.recipe import Recipe, load
from accord.recipe.sections import Evaluate

__all__ = ["QUIET", "SYNCHRONOUS", "judged", "make_rounds", "write_recipe", "write_synchronous"]

QUIET = ProgressDisplay(quiet=True)
STARTER = Path(__file__).parents[1] / "src/accord/loop/starter"
PROGRAM = """
def shorter(item):
    left, right = (each["text"] for each in item["completions"])
    return {"kind": "comparison", "preferred": "left" if (len(left), left) < (len(right), right) else "right"}


def longer(item):
    left, right = (each["text"] for each in item["completions"])
    return {"kind": "comparison", "preferred": "left" if (len(left), left) > (len(right), right) else "right"}


def silent(item):
    return {"kind": "declined", "reason": "no opinion"}
"""
STUDY = """
name = "shorter"
title = "Which is shorter?"
items_file = "items.jsonl"
{more}

[[questions]]
kind = "comparison"
text = "Which is better?"
"""
RECIPE = """
seed = 3

[data]
ledger = "feedback.db"
source = "feedback.jsonl"
format = "trl_preference"
train = 0.5
eval_reward = 0.25
held_out = 0.25

[sft]
base = "tiny"
dtype = "float32"
epochs = 2
batch_size = 12
optim = { lr = 5e-3, warmup_steps = 1 }

[reward]
base = "tiny"
dtype = "float32"
epochs = 2
step_completions = 12
save_every = 2
optim = { lr = 2e-3, warmup_steps = 1 }

[policy]
kind = "rloo"
dtype = "float32"
max_steps = 3
prompts_per_step = 4
group_size = 4
save_every = 1
kl_coef = 0.05
sampling = { max_tokens = 12 }
optim = { lr = 1e-3, warmup_steps = 1, lr_schedule = "constant" }

[loop]
rounds = 3
budget = 20
study = "study.toml"
evaluators = [{ by = "program:crowd.py:shorter", labels = 12 }]
sampling = { max_tokens = 12 }
"""


SYNCHRONOUS = """
[synchronous]
every = 2
steps = 2
budget = 10
study = "study.toml"
evaluators = [{ by = "program:crowd.py:shorter", labels = 6 }]
"""


def write_recipe(folder: Path, *, overlap: int = 1, **settings: str) -> Recipe:
    """The recipe with other `[loop]` settings, TOML values by key, and the files that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(STARTER / "feedback.jsonl", folder)
    (folder / "crowd.py").write_text(PROGRAM)
    (folder / "study.toml").write_text(STUDY.format(more=f"overlap = {overlap}"))
    (folder / "recipe.toml").write_text(RECIPE)
    return load(folder / "recipe.toml", {f"loop.{key}": value for key, value in settings.items()})


def write_synchronous(folder: Path, **settings: str) -> Recipe:
    """A recipe without rounds whose reward goes on while its policy learns, with other settings by dotted key."""
    write_recipe(folder)
    text = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(text[: text.index("[loop]")] + SYNCHRONOUS)
    return load(folder / "recipe.toml", {"policy.max_steps": "6", "policy.save_every": "3", **settings})


def make_rounds(recipe: Recipe, path: Path) -> None:
    """All rounds of a recipe, those that are there gone on with."""
    with start_run(recipe, path, resume=True) as run:
        drive_rounds(recipe, run, QUIET)


def judged(recipe: Recipe) -> Recipe:
    """The same with an independent judge of a few texts."""
    assert recipe.reward is not None
    return recipe.model_copy(update={"evaluate": Evaluate(judge=recipe.reward, samples_per_prompt=4)})
