"""Is RL needed? All methods on the same prompts, reward and budget of texts, in three worlds.

    enum      the enumerated world: policies are tables, the best policy is known
    essay     a small transformer, and a program that knows what its essays are worth
    reviews   SmolLM2-135M on real ratings of movie reviews: rewarded by one model of what people prefer, judged by
              another that was fitted on other people's prompts

Held against each other by E[r] - beta KL, which is what the methods with a KL penalty maximise. Learning rates and what
holds a policy to its start were chosen for each method on a seed that is not counted here (`CHOSEN`); those of the
enumerated world are `exact_optimum`'s.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accord.feedback import read_data
from accord.lab.contenders import METHODS, ONLINE, Budget, chosen_of, contend, measured, settings_of, written
from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.essay import EssayJudge, EssayWorld
from accord.lab.exact_optimum import METHODS as ON_TABLES
from accord.lab.exact_optimum import RANKED, RANKS, SAMPLES, optimise, prefer
from accord.lab.reproduce import Cell, Reproduction
from accord.lm.causal import load
from accord.lm.training import seed_of
from accord.loop.demo import demo_recipe, write_starter
from accord.loop.drive import drive, start_run
from accord.loop.policy import prompts_of
from accord.loop.progress import ProgressDisplay
from accord.policy.rollout import Rollout, generate_rollouts
from accord.recipe import Recipe
from accord.recipe import load as load_recipe
from accord.records import Sampling
from accord.run import RunDirectory
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["IS_RL_NEEDED"]

Row = dict[str, Any]
WORLDS = ("enum", "essay", "reviews")
BETA = {"enum": 0.5, "essay": 0.05, "reviews": 0.1}
SPREAD = 1.45  # standard deviation of an essay's worth under the start: the unit of its rewards
ESSAYS = Sampling(max_tokens=48)
REVIEWS = Sampling(max_tokens=40, temperature=0.7)
ON_REVIEWS = ("ppo", "rloo", "grpo", "dpo", "best_of_n")
# The reward models of the reviews: a few layers learn more in a minute than many do (LOG.md).
SHALLOW = {"layers": "3", "trained_layers": "3", "epochs": "0.5", "optim.lr": "5e-4"}
ENUM_STEPS = 100  # of 256 texts
FLOAT32 = {"dtype": "float32"}
N = 8  # of best of n, and samples of a prompt
CHOICE = f"best of {N}"  # of the start's, when asked
NOBODY = ("start", "the optimum")
COLUMNS = ("objective", "reward", "kl", "distinct_2", "seconds", "peak_gb")

# Learning rate and strength by world and method.
CHOSEN: dict[str, dict[str, tuple[float, float]]] = {
    "essay": {
        "ppo": (3e-3, 0.05),
        "reinforce": (6e-3, 0.05),
        "reinforce++": (6e-3, 0.05),
        "rloo": (6e-3, 0.05),
        "grpo": (6e-3, 0.05),
        "dpo": (1e-3, 0.5),
        "ipo": (1e-3, 0.05),
        "kto": (1e-3, 0.1),
        "simpo": (1e-4, 2.0),
        "orpo": (3e-3, 1.0),
        "rrhf": (1e-3, 1.0),
        "pro": (1e-3, 1.0),
        "best_of_n": (3e-3, 0.0),
        "curated": (3e-3, 0.0),
        "conditional": (1e-3, 0.0),
    },
    "reviews": {
        "ppo": (2e-4, 0.1),
        "rloo": (2e-4, 0.1),
        "grpo": (2e-4, 0.1),
        "dpo": (1e-4, 0.1),
        "best_of_n": (1e-4, 0.0),
    },
}


def prepare(folder: Path, short: bool) -> None:
    """The supervised start, the reward model and the independent judge of the reviews; goes on where it was stopped."""
    recipe = _recipe(folder, short)
    with start_run(recipe, folder / "reviews", resume=True) as run:
        drive(recipe, run, ProgressDisplay(quiet=True), only=("data", "sft", "reward", "eval_reward"))


def _recipe(folder: Path, short: bool) -> Recipe:
    """That of the demo with smaller reward models; in the short form the starter's, on a tiny model."""
    if not short:
        smaller = {f"{part}.{name}": value for part in ("reward", "evaluate.judge") for name, value in SHALLOW.items()}
        return demo_recipe(folder / "reviews", {"sft.max_examples": "256", **smaller})
    starter = folder / "starter"
    if not starter.is_dir():
        write_starter(starter)
    return load_recipe(starter / "recipe.toml")


def cells(short: bool) -> list[Cell]:
    """Each method on the reviews, four seeds of essays, ten enumerated worlds; in the short form one of each."""
    reviews = [Cell(f"reviews {method}", 0) for method in ("start", *(("rloo", "dpo") if short else ON_REVIEWS))]
    essays = [Cell("essay", seed) for seed in range(1 if short else 4)]
    enums = [Cell("enum", seed) for seed in range(1 if short else 10)]
    return [*reviews, *essays, *enums]


def work(arm: str, seed: int, short: bool, folder: Path) -> Row:
    """One cell."""
    world, _, method = arm.partition(" ")
    if world == "enum":
        return {"results": _on_tables(seed, short)}
    if world == "essay":
        return {"results": _on_essays(seed, short, folder / f"essay-{seed}")}
    return {"results": _on_reviews(method, short, folder)}


def _on_tables(seed: int, short: bool) -> list[Row]:
    world, beta = draw_world(seed), BETA["enum"]
    found: list[Row] = []
    steps = 10 if short else ENUM_STEPS
    for method in (*ON_TABLES, *RANKED):
        began = monotonic()
        policy = _on_table(method, world, seed, steps)
        found.append(_row("enum", method, world.expected(policy), world.kl(policy, world.ref_PN), monotonic() - began))
    for method, exact in (
        (CHOICE, world.best_of(N)),
        ("the optimum", world.optimum(beta)),
        ("start", world.ref_PN),
    ):
        found.append(_row("enum", method, world.expected(exact), world.kl(exact, world.ref_PN)))
    return found


def _on_table(method: str, world: EnumWorld, seed: int, steps: int) -> Tensor:
    """A table trained on `steps` times as many texts as a step of an online method has."""
    if method == "dpo":
        return prefer(world, BETA["enum"], seed=seed, steps=steps, pairs=SAMPLES // 2, once=True)
    if method in RANKED:
        steps *= SAMPLES // (RANKS * len(world.ref_PMA))
    return optimise(method, BETA["enum"], world, seed=seed, steps=steps)


def _row(world: str, method: str, reward: float, kl: float, seconds: float | None = None) -> Row:
    made = {"world": world, "method": method, "reward": reward, "kl": kl, "objective": reward - BETA[world] * kl}
    return made if seconds is None else {**made, "seconds": round(seconds, 2)}


def _on_essays(seed: int, short: bool, folder: Path) -> list[Row]:
    world = EssayWorld(seed)
    judge = EssayJudge(world, scale=SPREAD)
    budget = Budget(2, 12, N, ESSAYS, FLOAT32) if short else Budget(30, 24, N, ESSAYS, FLOAT32)
    with _run(folder / "start", seed) as run:
        start = world.start(run, texts=1200 if short else 12_000)
    reference, beta, pool = load(start), BETA["essay"], 8 if short else 32
    sampling = ESSAYS.model_copy(update={"seed": seed_of(seed, "measured")})
    before = generate_rollouts(reference, reference, judge, world.prompts, pool, sampling)
    found = [
        {"world": "essay", "method": "start", **measured(before, beta=beta)},
        {"world": "essay", "method": CHOICE, **chosen_of(before, _ended(before, before.score_B), N, beta=beta)},
    ]
    texts = written(budget, world.prompts, judge, start, seed=seed)
    for method in ("rloo", "dpo", "best_of_n") if short else METHODS:
        rate, strength = CHOSEN["essay"][method]
        settings = settings_of(method, budget, lr=rate, strength=strength)
        with _run(folder / method, seed) as run:
            cost = _cost(*contend(settings, budget, world.prompts, judge, run, start, texts=texts))
            policy = load(run.verified("policy/model"))
        after = generate_rollouts(policy, reference, judge, world.prompts, pool, sampling, old_logprobs=False)
        found.append({"world": "essay", "method": method, **measured(after, beta=beta), **cost})
    return found


def _on_reviews(method: str, short: bool, folder: Path) -> list[Row]:
    recipe = _recipe(folder, short)
    assert recipe.policy is not None
    assert recipe.reward is not None
    assert recipe.evaluate is not None
    form = {"dtype": recipe.policy.dtype, "trained_layers": recipe.policy.trained_layers}
    sampling = REVIEWS.model_copy(update={"max_tokens": 16} if short else {})
    budget = Budget(2 if short else 4, 4 if short else 5, N, sampling, form)
    with RunDirectory.open(folder / "reviews", write=False) as base:
        data = read_data(base)
        asked, held_out = (prompts_of(base, data, split) for split in ("train", "held_out"))
        start = base.verified("sft/model")
        reward, judge = recipe.reward.load(base), recipe.evaluate.judge.load(base, stage="eval_reward")
    reference, beta = load(start, dtype=recipe.policy.dtype), BETA["reviews"]
    measuring = sampling.model_copy(update={"seed": seed_of(0, "measured")})
    each = 2 if short else 6
    if method == "start":
        before = generate_rollouts(reference, reference, judge, held_out, each, measuring)
        choosing = sampling.model_copy(update={"seed": seed_of(0, "chosen")})
        pool = generate_rollouts(reference, None, judge, held_out, 2 * N, choosing, old_logprobs=False)
        score_B = torch.tensor(reward.score(pool.prompts, pool.completions).value_N)
        return [
            {"world": "reviews", "method": "start", **measured(before, beta=beta)},
            {"world": "reviews", "method": CHOICE, **chosen_of(pool, _ended(pool, score_B), N, beta=beta)},
        ]
    rate, strength = CHOSEN["reviews"][method]
    settings = settings_of(method, budget, lr=rate, strength=strength)
    with _run(folder / method, 0) as run:
        cost = _cost(*contend(settings, budget, asked, reward, run, start))
        policy = load(run.verified("policy/model"), dtype=recipe.policy.dtype)
    after = generate_rollouts(policy, reference, judge, held_out, each, measuring, old_logprobs=False)
    return [{"world": "reviews", "method": method, **measured(after, beta=beta), **cost}]


def _ended(pool: Rollout, score_B: Tensor) -> NDArray[np.float64]:
    """Scores less 1 where a text did not end itself."""
    found: NDArray[np.float64] = (score_B.double() - (~pool.stopped_B).double()).numpy()
    return found


def _cost(seconds: float, peak: float | None) -> Row:
    """Seconds to train, and the peak of memory where the kernel tells it."""
    return {"seconds": round(seconds, 1), **({} if peak is None else {"peak_gb": round(peak, 2)})}


def _run(folder: Path, seed: int) -> RunDirectory:
    """The run at `folder`, taken up where it was stopped."""
    there = (folder / "manifest.json").exists()
    return RunDirectory.open(folder) if there else RunDirectory.create(folder, seed=seed)


def conclude(rows: Sequence[Row]) -> Mapping[str, Estimate]:
    """What the marks are about; of a world, the cells that have been worked out."""
    found: dict[str, Estimate] = {}
    for world in WORLDS:
        by_method = _objectives(rows, world)
        with_rl = {name: values for name, values in by_method.items() if name in ONLINE}
        without = {name: values for name, values in by_method.items() if name not in {*ONLINE, *NOBODY}}
        if with_rl and without:
            found[world] = mean(_less(_best(without), _best(with_rl)))
    essays = _objectives(rows, "essay")
    best = _best({name: values for name, values in essays.items() if name not in NOBODY})
    start = essays["start"]
    for name, method in (("distilled", "best_of_n"), ("preferences", "dpo")):
        lacks = np.subtract(best, essays[method]) / np.subtract(best, start)
        found[name] = mean(lacks.tolist())
    varied = {name: _column(rows, "essay", name, "distinct_2") for name in essays}
    leader = max((name for name in essays if name in ONLINE), key=lambda name: float(np.mean(essays[name])))
    found["varied"] = mean(_less(varied[leader], varied["best_of_n"]))
    return found


def _results(rows: Sequence[Row], world: str) -> list[tuple[int, Row]]:
    return [(row["seed"], each) for row in rows for each in row["results"] if each["world"] == world]


def _column(rows: Sequence[Row], world: str, method: str, name: str) -> list[float]:
    """One number of a method, a value a seed, in the order of the seeds."""
    found = {seed: each[name] for seed, each in _results(rows, world) if each["method"] == method and name in each}
    return [found[seed] for seed in sorted(found)]


def _objectives(rows: Sequence[Row], world: str) -> dict[str, list[float]]:
    methods = dict.fromkeys(each["method"] for _, each in _results(rows, world))
    return {method: _column(rows, world, method, "objective") for method in methods}


def _best(by_method: Mapping[str, list[float]]) -> list[float]:
    return max(by_method.values(), key=lambda values: float(np.mean(values)))


def _less(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [float(each) for each in np.subtract(left, right)]


def table(rows: Sequence[Row]) -> str:
    """Markdown: a table a world, methods by their objective, best first."""
    parts = []
    for world in WORLDS:
        by_method = _objectives(rows, world)
        if not by_method:
            continue
        seeds = len({seed for seed, _ in _results(rows, world)})
        what = f"{world}, beta {BETA[world]:g}, {f'{seeds} seeds' if seeds > 1 else 'one seed, intervals over prompts'}"
        lines = [
            f"| {what} | RL | E[r] - beta KL | reward | KL, nats | distinct-2 | seconds | peak GB |",
            "|---" * 8 + "|",
        ]
        for method in sorted(by_method, key=lambda name: -float(np.mean(by_method[name]))):
            columns = [_column(rows, world, method, name) for name in COLUMNS]
            within = [_within(rows, world, method, name) for name in COLUMNS]
            shown = [_shown(*each) for each in zip(columns, (2, 2, 1, 2, 0, 1), within, strict=True)]
            lines.append(f"| {method} | {'yes' if method in ONLINE else ''} | " + " | ".join(shown) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _within(rows: Sequence[Row], world: str, method: str, name: str) -> list[float] | None:
    """The interval over prompts of a method that has one seed; None where it has more, or no interval is kept."""
    found = [each for _, each in _results(rows, world) if each["method"] == method]
    interval = found[0].get("intervals", {}).get(name) if len(found) == 1 else None
    return None if interval is None or None in interval else interval


def _shown(values: Sequence[float], places: int, within: list[float] | None) -> str:
    """The mean over seeds with its interval, or one seed's value with its interval over prompts."""
    if not values:
        return ""
    each = mean(values)
    low, high = within or (each.low, each.high)
    if low is None or high is None or (within is None and len(values) < 3):
        return f"{each.value:.{places}f}"
    return f"{each.value:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def figure(rows: Sequence[Row]) -> "Figure":
    """A panel for each world that has been worked out: every method's objective with its interval, best on top."""
    from matplotlib.figure import Figure

    worlds = [world for world in WORLDS if _objectives(rows, world)]
    drawn = Figure(figsize=(4.6 * len(worlds), 4.2), layout="constrained")
    for axes, world in zip(drawn.subplots(1, len(worlds), squeeze=False)[0], worlds, strict=True):
        by_method = _objectives(rows, world)
        methods = sorted(by_method, key=lambda name: float(np.mean(by_method[name])))
        for place, method in enumerate(methods):
            each = mean(by_method[method])
            low, high = _within(rows, world, method, "objective") or (each.low, each.high)
            colour = "black" if method in NOBODY else "C0" if method in ONLINE else "C1"
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=colour, linewidth=1.5)
            full = "full" if method in ONLINE else "none"
            axes.plot(each.value, place, marker="o", markersize=6, color=colour, fillstyle=full)
        axes.set_yticks(range(len(methods)), methods)
        axes.set(title=f"{world}, beta {BETA[world]:g}", xlabel="E[r] - beta KL (full: with RL; open: without)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, axis="x", linewidth=0.3)
    return drawn


IS_RL_NEEDED = Reproduction(
    name="is-rl-needed",
    question="Is RL needed, or are supervised methods and preferences enough on the same budget?",
    cells=cells,
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
    prepare=prepare,
)
