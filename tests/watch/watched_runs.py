"""A whole run on a small real model."""

from pathlib import Path

from logged_runs import finish

from accord.artefacts import RECIPE
from accord.feedback import write_data
from accord.loop.drive import drive
from accord.loop.progress import ProgressDisplay
from accord.recipe import Evaluate, Recipe, dump
from accord.records import Sampling
from accord.run import RunDirectory
from small_data import letters_dataset
from small_run import RECIPE as LETTERS

__all__ = ["SHORT", "make_trained"]

assert LETTERS.sft is not None
assert LETTERS.reward is not None
assert LETTERS.policy is not None
_REWARD = LETTERS.reward.model_copy(update={"epochs": 2})
SHORT = Recipe(
    sft=LETTERS.sft.model_copy(update={"epochs": 2}),
    reward=_REWARD,
    policy=LETTERS.policy.model_copy(update={"max_steps": 3, "group_size": 4}),
    evaluate=Evaluate(judge=_REWARD, samples_per_prompt=4, sampling=Sampling(max_tokens=10)),
)
"""A recipe whose stages take a second or so each."""


def make_trained(path: Path, *, prefix: str = "") -> None:
    """A run on a small real model, trained and evaluated and not audited yet."""
    with RunDirectory.create(path) as run:
        write_data(run, letters_dataset(prompts=12), stage=f"{prefix}/data" if prefix else "data")
        finish(run, f"{prefix}/data" if prefix else "data")
        RECIPE.write(run, dump(SHORT))
        only = ("sft", "reward", "eval_reward", "policy", "evaluate")
        drive(SHORT, run, ProgressDisplay(quiet=True), only=only, prefix=prefix)
