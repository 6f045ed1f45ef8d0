"""Methods on real ratings of movie reviews: one model of what people prefer rewards, another one judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from accord.artefacts import MODEL, RECIPE
from accord.feedback import read_data
from accord.interfaces import Judge
from accord.lab.contenders import Budget, chosen_of, contend, measured, settings_of
from accord.lab.is_rl_needed.settings import (
    BEST_OF_N,
    BETA,
    START,
    TUNED,
    MethodResult,
    N,
    costs,
    minus_missing_eos,
    open_run,
)
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.loop.demo import demo_recipe
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.starting import write_starter
from accord.policy.rollout import generate_rollouts
from accord.recipe import Recipe
from accord.recipe import load as load_recipe
from accord.records import Prompt, Sampling
from accord.run import RunDirectory
from accord.train.seeds import seed_of

__all__ = ["METHODS", "SAMPLING", "on_reviews", "prepare", "reviews_recipe"]

METHODS = ("ppo", "rloo", "grpo", "dpo", "best_of_n")
SAMPLING = Sampling(max_tokens=40, temperature=0.7)
# The reward models: a few layers learn more in a minute than many do (LOG.md).
SHALLOW = {"layers": "3", "trained_layers": "3", "epochs": "0.5", "optim.lr": "5e-4"}


@dataclass(frozen=True)
class _Base:
    """What every method builds on, from the run that `prepare` leaves."""

    prompts: Sequence[Prompt]
    held_out: Sequence[Prompt]
    start: Path
    reward: Judge
    judge: Judge
    sampling: Sampling
    form: dict[str, Any]
    samples_per_prompt: int  # measured

    @property
    def measuring(self) -> Sampling:
        """How texts are drawn that are measured."""
        return self.sampling.model_copy(update={"seed": seed_of(0, "measured")})


def prepare(folder: Path, short: bool) -> None:
    """The supervised start, the reward model and the independent judge of the reviews; goes on where it was stopped."""
    recipe = reviews_recipe(folder, short)
    with start_run(recipe, folder / "reviews", resume=True) as run:
        drive(recipe, run, ProgressDisplay(quiet=True), only=("data", "sft", "reward", "eval_reward"))


def on_reviews(method: str, short: bool, folder: Path) -> list[MethodResult]:
    """One method; of the start, what it writes and the best of n of it."""
    base = _read_base(folder, short)
    reference = load(base.start, dtype=base.form["dtype"])
    if method == START:
        return _of_start(base, reference)
    budget = Budget(2 if short else 4, 4 if short else 5, N, base.sampling, base.form)
    rate, strength = TUNED["reviews"][method]
    settings = settings_of(method, budget, lr=rate, strength=strength)
    with open_run(folder / method, 0) as run:
        cost = costs(*contend(settings, budget, base.prompts, base.reward, run, base.start))
        policy = load(MODEL.verified(run, "policy"), dtype=base.form["dtype"])
    after = generate_rollouts(
        policy, reference, base.judge, base.held_out, base.samples_per_prompt, base.measuring, old_logprobs=False
    )
    return [MethodResult(world="reviews", method=method, **measured(after, beta=BETA["reviews"]), **cost)]


def _of_start(base: _Base, reference: CausalModel) -> list[MethodResult]:
    beta = BETA["reviews"]
    before = generate_rollouts(reference, reference, base.judge, base.held_out, base.samples_per_prompt, base.measuring)
    choosing = base.sampling.model_copy(update={"seed": seed_of(0, "chosen")})
    pool = generate_rollouts(reference, None, base.judge, base.held_out, 2 * N, choosing, old_logprobs=False)
    score_B = torch.tensor(base.reward.score(pool.prompts, pool.completions).value_N)
    chosen = chosen_of(pool, minus_missing_eos(pool, score_B), N, beta=beta)
    return [
        MethodResult(world="reviews", method=START, **measured(before, beta=beta)),
        MethodResult(world="reviews", method=BEST_OF_N, **chosen),
    ]


def _read_base(folder: Path, short: bool) -> _Base:
    recipe = reviews_recipe(folder, short)
    assert recipe.policy is not None
    assert recipe.reward is not None
    assert recipe.evaluate is not None
    with RunDirectory.open(folder / "reviews", write=False) as run:
        data = read_data(run)
        return _Base(
            prompts=data.prompts_of("train"),
            held_out=data.prompts_of("held_out"),
            start=MODEL.verified(run, "sft"),
            reward=recipe.reward.load(run),
            judge=recipe.evaluate.judge.load(run, stage="eval_reward"),
            sampling=SAMPLING.model_copy(update={"max_tokens": 16} if short else {}),
            form={"dtype": recipe.policy.dtype, "trained_layers": recipe.policy.trained_layers},
            samples_per_prompt=2 if short else 6,
        )


def reviews_recipe(folder: Path, short: bool) -> Recipe:
    """That of the demo with smaller reward models; in the short form the starter's, on a tiny model."""
    if not short:
        smaller = {f"{part}.{name}": value for part in ("reward", "evaluate.judge") for name, value in SHALLOW.items()}
        return demo_recipe(folder / "reviews", {"sft.max_examples": "256", **smaller})
    starter = folder / "starter"
    if not starter.is_dir():
        write_starter(starter)
    return load_recipe(starter / RECIPE.file)
