"""The cells: a start of a size with a seed."""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from accord.artefacts import MODEL
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge
from accord.lab.cell import Cell
from accord.lab.contenders import Budget, contend, measured, settings_of
from accord.lab.is_rl_needed.reviews import SAMPLING, reviews_recipe
from accord.lab.is_rl_needed.settings import BETA, TUNED, N, open_run
from accord.lab.starts.settings import BASE, CONTEXT, SIZES, STARTS, StartResult
from accord.lm.loading import load
from accord.policy.context_distillation import ContextDistillation
from accord.policy.curated import Curated
from accord.policy.materials import Materials, SupervisedExample
from accord.policy.rollout import Rollout, generate_rollouts
from accord.policy.sft import SFT
from accord.recipe import Recipe
from accord.records import Prompt
from accord.run import RunDirectory
from accord.stats import mean
from accord.train.optimiser import Optim
from accord.train.seeds import seed_of, shuffled

__all__ = ["cells", "work"]

READ = 1024  # texts that every tuned start reads, however many different ones


def cells(short: bool) -> list[Cell]:
    """The base model, and every other start of both sizes; in the short form those that the marks are about."""
    tuned = [f"{start} {size}" for size in SIZES for start in STARTS]
    short_form = [BASE, "supervised 64", "supervised 256", "curated 64", "distilled 256"]
    return [Cell(arm, 0) for arm in (short_form if short else [BASE, *tuned])]


def work(arm: str, seed: int, short: bool, folder: Path) -> list[StartResult]:
    """One start: tuned, measured, trained on by RLOO, and measured again; goes on where it was stopped."""
    began = monotonic()
    recipe = reviews_recipe(folder, short)
    assert recipe.policy is not None
    assert recipe.sft is not None
    assert recipe.reward is not None
    assert recipe.evaluate is not None
    dtype = recipe.policy.dtype
    form = {"dtype": dtype, "trained_layers": recipe.policy.trained_layers}
    with RunDirectory.open(folder / "reviews", write=False) as run:
        data = read_data(run)
        reward, judge = recipe.reward.load(run), recipe.evaluate.judge.load(run, stage="eval_reward")
    start, _, size = arm.partition(" ")
    place: str | Path = str(recipe.sft.base)
    if start != BASE:
        texts = 8 if short else int(size)
        with open_run(folder / f"{start}-{size}-{seed}", seed) as run:
            if not MODEL.has(run, "policy"):
                tune(start, texts, recipe, data, reward, run, short=short)
            place = MODEL.verified(run, "policy")
    prompts, held_out = data.prompts_of("train"), data.prompts_of("held_out")
    sampling = SAMPLING.model_copy(update={"max_tokens": 16} if short else {})
    budget = Budget(2 if short else 4, 4 if short else 5, N, sampling, form)
    rate, strength = TUNED["reviews"]["rloo"]
    settings = settings_of("rloo", budget, lr=rate, strength=strength)
    with open_run(folder / f"rloo-{start}-{size or 0}-{seed}", seed) as run:
        contend(settings, budget, prompts, reward, run, place)
        policy = load(MODEL.verified(run, "policy"), dtype=dtype)
    reference = load(place, dtype=dtype)
    drawn = sampling.model_copy(update={"seed": seed_of(seed, "measured")})
    samples = 2 if short else 6
    before = generate_rollouts(reference, None, judge, held_out, samples, drawn, old_logprobs=False)
    after = generate_rollouts(policy, reference, judge, held_out, samples, drawn)
    return [_result(start, int(size or 0), before, after, monotonic() - began)]


def tune(
    start: str, texts: int, recipe: Recipe, data: Dataset, judge: Judge, run: RunDirectory, *, short: bool
) -> None:
    """Tune the base model on so many texts, which are read as often as makes up `READ`; leaves `policy/model`."""
    assert recipe.sft is not None
    base, prompts = str(recipe.sft.base), data.prompts_of("train")
    examples = [
        SupervisedExample(data.prompts[each.prompt], data.completions[each.completion], each.weight)
        for each in data.examples
    ]
    common: dict[str, Any] = {
        "base": base,
        "dtype": recipe.sft.dtype,
        "trained_layers": recipe.sft.trained_layers,
        "epochs": (16 if short else READ) / texts,
        "optim": Optim(lr=recipe.sft.optim.lr, warmup_steps=2),
    }
    settings: SFT | Curated | ContextDistillation
    if start == "supervised":
        settings = SFT(**common, max_examples=texts)
    elif start == "curated":
        settings = Curated(**common, max_examples=8 * texts, k=texts)
    else:
        form = {"context": CONTEXT, "n": 4, "sampling": SAMPLING}
        settings = ContextDistillation(**common, **form, max_examples=texts)
        prompts = _drawn(prompts, max(1, texts // 4), run.seed)
    materials = Materials(start=base, prompts=prompts, judge=judge, data=data, examples=examples)
    for _ in settings.steps(materials, run):
        pass


def _drawn(prompts: Sequence[Prompt], count: int, seed: int) -> list[Prompt]:
    return [prompts[i] for i in shuffled(len(prompts), seed, "taught")[:count]]


def _result(start: str, size: int, before: Rollout, after: Rollout, seconds: float) -> StartResult:
    beta = BETA["reviews"]
    numbers = measured(after, beta=beta)
    own = mean(before.score_B.tolist(), [prompt.id for prompt in before.prompts])
    of_policy = {name: tuple(numbers["intervals"][name]) for name in ("reward", "kl")}
    intervals = {"start_reward": (own.low, own.high), "policy_reward": of_policy["reward"], "kl": of_policy["kl"]}
    return StartResult(
        start=start,
        size=size,
        start_reward=round(own.value, 5),
        policy_reward=numbers["reward"],
        kl=numbers["kl"],
        stop_rate=numbers["stop_rate"],
        distinct_2=numbers.get("distinct_2"),
        seconds=round(seconds, 1),
        intervals=intervals,
    )
