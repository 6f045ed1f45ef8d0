"""Exact-optimum parity: does each optimiser find the policy that is known to be the best?

Every algorithm trains a table on an enumerated world, for several strengths of the KL penalty and many seeds (each
with a world of its own), and is held against the optimum by enumeration. GRPO is held against its own, where its
gradient vanishes (`EnumWorld.token_optimum`). RRHF and PRO, which have no beta, and best of n, worked out exactly, are
held against the frontier: the most reward that any policy can have at their KL.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.reproduce import Cell, Reproduction
from accord.lab.tables import train_table
from accord.lm.optim import Optim, Optimiser
from accord.lm.training import seed_of
from accord.policy.grpo import GRPO
from accord.policy.losses import direct_preference
from accord.policy.ppo import PPO
from accord.policy.pro import PRO
from accord.policy.reinforce import REINFORCE
from accord.policy.reinforce_pp import ReinforcePP
from accord.policy.rloo import RLOO
from accord.policy.rrhf import RRHF
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BETAS", "EXACT_OPTIMUM", "optimise"]

BETAS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
JUDGED = 0.2  # marks are about this beta and above
METHODS = ("rloo", "reinforce", "reinforce++", "ppo", "grpo", "dpo")
RANKED = ("rrhf", "pro")  # no beta: nothing holds them near the start
RANKS = 8  # samples of a prompt that are ranked
ORDERS = (2, 4, 8, 16, 32, 64)
SAMPLES = 256
PAIRS = 512  # a step of DPO
RATE = 0.02
LOOSE = 1e9  # gradients are not clipped: the tables need no guard, and the optimum is not to depend on one


def steps_of(beta: float, short: bool) -> int:
    """Half as many where the optimum is near the start: 1,000 below a beta of 0.5, 500 from there on."""
    return 120 if short else 1000 if beta < 0.5 else 500


def settings_of(method: str, beta: float, steps: int) -> Any:
    """An online algorithm with the strength beta, on four prompts with 64 samples each."""
    common: dict[str, Any] = {"max_steps": steps, "prompts_per_step": 4, "group_size": SAMPLES // 4}
    common["optim"] = Optim(
        lr=RATE, warmup_steps=0, lr_schedule="linear", final_lr_ratio=0.0, betas=(0.9, 0.999), max_grad_norm=LOOSE
    )
    match method:
        case "rloo":
            return RLOO(**common, kl_coef=beta)
        case "reinforce":
            return REINFORCE(**common, kl_coef=beta, baseline="prompt", to_go=False)
        case "reinforce++":
            return ReinforcePP(**common, kl_coef=beta)
        case "ppo":
            return PPO(**common, kl_coef=beta, kl_target=0.0, head_lr_scale=1.0)
        case "grpo":
            return GRPO(**common, kl_coef=beta, scale=False, average="constant")
        case "rrhf":
            return RRHF(**{**common, "group_size": RANKS})
        case "pro":
            return PRO(**{**common, "group_size": RANKS})
        case _:
            raise ValueError(f"no online method '{method}'")


def optimise(method: str, beta: float, world: EnumWorld, *, seed: int, steps: int) -> Tensor:
    """The log-probability of every text, [P, N], under the policy that a method ends with."""
    if method == "dpo":
        return prefer(world, beta, seed=seed, steps=steps)
    return train_table(settings_of(method, beta, steps), world, seed=seed).texts()


def prefer(
    world: EnumWorld,
    beta: float,
    *,
    seed: int,
    steps: int,
    pairs: int = PAIRS,
    once: bool = False,
    lr: float = RATE,
) -> Tensor:
    """DPO on fresh pairs of the reference, answered by Bradley-Terry with the true reward.

    Each pair has its probability for an answer, as if asked of many; with `once`, one answer.
    """
    table_PMA = nn.Parameter(world.ref_PMA.float().clone())
    optim = Optim(
        lr=lr, warmup_steps=0, lr_schedule="linear", final_lr_ratio=0.0, betas=(0.9, 0.999), max_grad_norm=LOOSE
    )
    optimiser = Optimiser(optim, [table_PMA], steps)
    ref_PN, reward_PN = world.ref_PN.float(), world.reward_PN.float()
    count = pairs // len(ref_PN)
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed_of(seed, "pairs", step))
        drawn_PK = torch.multinomial(ref_PN.exp(), 2 * count, replacement=True, generator=generator)
        score_PK2, known_PK2 = (each.gather(1, drawn_PK).view(len(ref_PN), count, 2) for each in (reward_PN, ref_PN))
        chance_PK = torch.sigmoid(score_PK2[..., 0] - score_PK2[..., 1])
        if once:
            chance_PK = (torch.rand(chance_PK.shape, generator=generator) < chance_PK).float()
        logprob_PK2 = _of_texts(world, table_PMA.log_softmax(-1), drawn_PK).view(len(ref_PN), count, 2)
        margin_PK, known_PK = (each[..., 0] - each[..., 1] for each in (logprob_PK2, known_PK2))
        tie_PK = torch.zeros_like(margin_PK, dtype=torch.bool)
        first_PK, second_PK = (
            direct_preference(sign * margin_PK, sign * known_PK, tie_PK, beta=beta) for sign in (1, -1)
        )
        optimiser.add((chance_PK * first_PK + (1 - chance_PK) * second_PK).mean())
        optimiser.step()
    return world.logprob(table_PMA.detach().double().log_softmax(-1))


def _of_texts(world: EnumWorld, logprob_PMA: Tensor, text_PK: Tensor) -> Tensor:
    """Log-probabilities of texts by number, [P, K]."""
    prompt_P11 = torch.arange(len(logprob_PMA))[:, None, None]
    token_PKT = logprob_PMA[prompt_P11, world.node_NT[text_PK], world.action_NT[text_PK]]
    return (token_PKT * world.mask_NT[text_PK]).sum(-1)


def work(arm: str, seed: int, short: bool, _folder: Path) -> dict[str, Any]:
    """One cell: a method at every beta on the world of a seed, or best of n there."""
    world = draw_world(seed).bounded()
    if arm == "best-of-n":
        return {"points": [_point(world, world.best_of(n), n=n) for n in ORDERS]}
    if arm in RANKED:
        settings = settings_of(arm, 0.0, steps_of(0.0, short))
        return {"points": [_point(world, train_table(settings, world, seed=seed).texts())]}
    points = []
    for beta in (0.5,) if short else BETAS:
        found = optimise(arm, beta, world, seed=seed, steps=steps_of(beta, short))
        best = world.optimum(beta)
        gap = world.kl(found, world.token_optimum(beta) if arm == "grpo" else best)
        exact = {"best_reward": world.expected(best), "best_kl": world.kl(best, world.ref_PN)}
        points.append(_point(world, found, beta=beta, gap=gap, **exact))
    return {"points": points}


def _point(world: EnumWorld, logprob_PN: Tensor, **more: float) -> dict[str, float]:
    """Where a policy stands: reward, KL to the reference, and how far its reward is above the frontier at that KL."""
    reward, kl = world.expected(logprob_PN), world.kl(logprob_PN, world.ref_PN)
    entropy = -float((logprob_PN.exp() * logprob_PN.clamp(min=-1e4)).sum(1).mean())
    return {**more, "reward": reward, "kl": kl, "excess": reward - world.frontier(kl), "entropy": entropy}


def cells(short: bool) -> list[Cell]:
    """All methods on 20 worlds; in the short form on two."""
    return [Cell(arm, seed) for seed in range(2 if short else 20) for arm in (*METHODS, *RANKED, "best-of-n")]


def conclude(rows: Sequence[dict[str, Any]]) -> Mapping[str, Estimate]:
    """What the marks are about."""
    found = {method: worst for method in METHODS if (worst := _worst(rows, method)) is not None}
    excess = [(row["seed"], point["excess"]) for row in rows for point in row["points"]]
    largest = max(value for _, value in excess)
    found["frontier"] = Estimate(largest, None, None, len(excess), len({seed for seed, _ in excess}), method="maximum")
    over = [point["kl"] - (log(point["n"]) - (point["n"] - 1) / point["n"]) for _, point in _points(rows, "best-of-n")]
    found["best-of-n"] = Estimate(max(over), None, None, len(over), method="maximum")
    return found


def _points(rows: Sequence[dict[str, Any]], arm: str) -> Iterator[tuple[int, dict[str, float]]]:
    return ((row["seed"], point) for row in rows if row["arm"] == arm for point in row["points"])


def _worst(rows: Sequence[dict[str, Any]], method: str) -> Estimate | None:
    """The largest mean gap over the values of beta that are judged."""
    by_beta: dict[float, list[float]] = {}
    for _, point in _points(rows, method):
        if point["beta"] >= JUDGED:
            by_beta.setdefault(point["beta"], []).append(point["gap"])
    estimates = [mean(gaps) for gaps in by_beta.values()]
    return max(estimates, key=lambda each: each.value, default=None)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: KL to the optimum by method and beta, the mean over seeds with its interval."""
    betas = sorted({point["beta"] for row in rows for point in row["points"] if "beta" in point})
    lines = ["| KL to the optimum, nats | " + " | ".join(f"beta {beta:g}" for beta in betas) + " |"]
    lines.append("|---" * (len(betas) + 1) + "|")
    for method in METHODS:
        shown = []
        for beta in betas:
            gaps = [point["gap"] for _, point in _points(rows, method) if point["beta"] == beta]
            shown.append(_shown(mean(gaps)))
        lines.append(f"| {method} | " + " | ".join(shown) + " |")
    lines += [
        "",
        "| without a beta | KL to the reference, nats | reward | below the frontier by |",
        "|---|---|---|---|",
    ]
    for name, points in _offsets(rows):
        kl, reward, below = (mean(values) for values in zip(*points, strict=True))
        lines.append(f"| {name} | {kl.value:.2f} | {reward.value:.2f} | {_shown(below)} |")
    return "\n".join(lines)


def _shown(each: Estimate) -> str:
    interval = "" if each.low is None else f" [{each.low:.2g}, {each.high:.2g}]"
    return f"{each.value:.2g}{interval}"


def _offsets(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[tuple[float, float, float]]]]:
    """KL, reward and distance below the frontier of what has no beta, on every seed."""
    by_name: dict[str, list[tuple[float, float, float]]] = {}
    for arm in (*RANKED, "best-of-n"):
        for _, point in _points(rows, arm):
            name = f"best of {point['n']}" if "n" in point else arm
            by_name.setdefault(name, []).append((point["kl"], point["reward"], -point["excess"]))
    yield from by_name.items()


def _frontier(seeds: Iterable[int], points: int = 40) -> tuple[list[float], list[float]]:
    """KL and reward of the exact optimum over beta, the means over the worlds of these seeds."""
    worlds = [draw_world(seed).bounded() for seed in sorted(seeds)]
    places: tuple[list[float], list[float]] = ([], [])
    for step in range(points):
        beta = BETAS[0] * (BETAS[-1] / BETAS[0]) ** (step / (points - 1))
        best = [world.optimum(beta) for world in worlds]
        pairs = list(zip(worlds, best, strict=True))
        places[0].append(mean([world.kl(found, world.ref_PN) for world, found in pairs]).value)
        places[1].append(mean([world.expected(found) for world, found in pairs]).value)
    return places


def figure(rows: Sequence[dict[str, Any]]) -> "Figure":
    """Left: how far each method ends from its optimum, over beta. Right: its reward and KL beside the best."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    betas = sorted({point["beta"] for row in rows for point in row["points"] if "beta" in point})
    for number, method in enumerate(METHODS):
        by_beta = {beta: [p for _, p in _points(rows, method) if p["beta"] == beta] for beta in betas}
        gaps = [mean([p["gap"] for p in some]).value for some in by_beta.values()]
        # The first of them lie on one another: larger and hollow ones below, so that all can be seen.
        form: dict[str, Any] = {"color": f"C{number}", "marker": "osD^vX"[number], "label": method}
        form |= {"markersize": 9 - number, "fillstyle": "none" if number < 2 else "full"}
        left.loglog(betas, gaps, linewidth=1.2, **form)
        places = [[mean([p[key] for p in some]).value for some in by_beta.values()] for key in ("kl", "reward")]
        right.plot(*places, linewidth=0, **form)
    right.plot(*_frontier({row["seed"] for row in rows}), color="black", linewidth=1.0, zorder=0, label="exact optimum")
    free = [(name, [mean(values).value for values in zip(*points, strict=True)]) for name, points in _offsets(rows)]
    for number, (name, (kl, reward, _)) in enumerate((each for each in free if each[0] in RANKED), len(METHODS)):
        right.plot(kl, reward, color=f"C{number}", marker="Ph"[number % 2], linewidth=0, label=name)
    several = [place for name, place in free if name not in RANKED]
    right.plot(
        [kl for kl, *_ in several],
        [reward for _, reward, _ in several],
        color="grey",
        marker=".",
        label="best of 2...64",
    )
    left.axvline(JUDGED, color="grey", linewidth=0.8, linestyle=":")
    left.set(xlabel="beta (marks are about 0.2 and above)", ylabel="KL to the optimum, nats")
    right.set(xlabel="KL to the reference, nats", ylabel="reward, between 0 and 1")
    left.legend(frameon=False, fontsize=8, title="GRPO: to its own optimum", title_fontsize=8)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, linewidth=0.3)
    return drawn


EXACT_OPTIMUM = Reproduction(
    name="exact-optimum",
    question="Does each optimiser find the policy that is known to be the best?",
    cells=cells,
    work=work,
    conclude=conclude,
    table=table,
    figure=figure,
)
