"""A whole run on a small real model, made once and copied for every test that tampers with it."""

from pathlib import Path

from accord.feedback import write_data
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context
from accord.loop.stages import stages_of
from accord.policy import PPO, SFT
from accord.recipe import Evaluate, Recipe
from accord.records import Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset

__all__ = ["RECIPE", "make_run"]

_REWARD = BradleyTerry(
    base="tiny", dtype="float32", epochs=20, step_completions=16, save_every=50, optim=Optim(lr=5e-3), head_lr_scale=1
)
RECIPE = Recipe(
    sft=SFT(
        base="tiny", dtype="float32", epochs=20, batch_size=12, save_every=50, optim=Optim(lr=1e-2, warmup_steps=2)
    ),
    reward=_REWARD,
    policy=PPO(
        dtype="float32",
        max_steps=8,
        prompts_per_step=4,
        group_size=8,
        sampling=Sampling(max_tokens=10),
        save_every=50,
        optim=Optim(lr=3e-3, warmup_steps=1, lr_schedule="constant"),
        head_lr_scale=1,
    ),
    evaluate=Evaluate(judge=_REWARD, samples_per_prompt=12, sampling=Sampling(max_tokens=10)),
)


def make_run(path: Path) -> None:
    """All training stages and the evaluation of `RECIPE` on the letters data."""
    progress, stages = ProgressDisplay(quiet=True), stages_of(RECIPE)
    with RunDirectory.create(path) as run:
        write_data(run, letters_dataset(prompts=12))
        for name in ("sft", "reward", "eval_reward", "policy", "evaluate"):
            stages[name].perform(Context(RECIPE, run, progress, stage=name))
