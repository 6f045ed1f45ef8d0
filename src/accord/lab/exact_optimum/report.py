"""What is concluded from exact-optimum parity: the numbers of its marks, a table and a figure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Any

from accord.lab.cell import CellResult
from accord.lab.enumerated import draw_world
from accord.lab.exact_optimum.cells import BEST_OF_N, BETAS, Point
from accord.lab.exact_optimum.training import METHODS, RANKED
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["conclude", "figure", "table"]

Results = Sequence[CellResult[Point]]
_EXACT = "the largest of all that were worked out exactly: nothing was sampled"
JUDGED = 0.2  # marks are about this beta and above


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about: each method's largest mean gap, the largest excess, and best of n over its bound."""
    gaps = {method: _gaps(results, method) for method in METHODS}
    worst = {
        method: max((mean(values) for beta, values in by_beta.items() if beta >= JUDGED), key=_value)
        for method, by_beta in gaps.items()
        if any(beta >= JUDGED for beta in by_beta)
    }
    points = [point for cell in results for point in cell.measurements]
    seeds = len({cell.seed for cell in results})
    largest = max(point.excess for point in points)
    over = [point.kl - _best_of_bound(point.n) for point in _points(results, BEST_OF_N) if point.n is not None]
    return {
        **worst,
        "frontier": Estimate(largest, largest, largest, len(points), seeds, method=_EXACT),
        "best-of-n": Estimate(max(over), max(over), max(over), len(over), method=_EXACT),
    }


def table(results: Results) -> str:
    """Markdown: KL to the optimum by method and beta, the mean over seeds with its interval."""
    betas = _betas(results)
    lines = ["| KL to the optimum, nats | " + " | ".join(f"beta {beta:g}" for beta in betas) + " |"]
    lines.append("|---" * (len(betas) + 1) + "|")
    for method in METHODS:
        gaps = _gaps(results, method)
        lines.append(f"| {method} | " + " | ".join(_formatted(mean(gaps[beta])) for beta in betas) + " |")
    lines += [
        "",
        "| without a beta | KL to the reference, nats | reward | below the frontier by |",
        "|---|---|---|---|",
    ]
    for name, points in _without_beta(results).items():
        kl, reward = mean([point.kl for point in points]), mean([point.reward for point in points])
        below = mean([-point.excess for point in points])
        lines.append(f"| {name} | {kl.value:.2f} | {reward.value:.2f} | {_formatted(below)} |")
    return "\n".join(lines)


def figure(results: Results) -> "Figure":
    """Left: how far each method ends from its optimum, over beta. Right: its reward and KL beside the best."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    _draw_methods(left, right, results)
    right.plot(
        *_frontier({cell.seed for cell in results}), color="black", linewidth=1.0, zorder=0, label="exact optimum"
    )
    _draw_without_beta(right, results)
    left.axvline(JUDGED, color="grey", linewidth=0.8, linestyle=":")
    left.set(xlabel="beta (marks are about 0.2 and above)", ylabel="KL to the optimum, nats")
    right.set(xlabel="KL to the reference, nats", ylabel="reward, between 0 and 1")
    left.legend(frameon=False, fontsize=8, title="GRPO: to its own optimum", title_fontsize=8)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, linewidth=0.3)
    return canvas


def _draw_methods(left: "Axes", right: "Axes", results: Results) -> None:
    betas = _betas(results)
    for number, method in enumerate(METHODS):
        at_beta = [[point for point in _points(results, method) if point.beta == beta] for beta in betas]
        gaps = _gaps(results, method)
        # The first of them lie on one another: larger and hollow ones below, so that all can be seen.
        style: dict[str, Any] = {"color": f"C{number}", "marker": "osD^vX"[number], "label": method}
        style |= {"markersize": 9 - number, "fillstyle": "none" if number < 2 else "full"}
        left.loglog(betas, [mean(gaps[beta]).value for beta in betas], linewidth=1.2, **style)
        right.plot(*zip(*map(_centre, at_beta), strict=True), linewidth=0, **style)


def _draw_without_beta(axes: "Axes", results: Results) -> None:
    centres = {name: _centre(points) for name, points in _without_beta(results).items()}
    for number, name in enumerate((name for name in centres if name in RANKED), len(METHODS)):
        axes.plot(*centres[name], color=f"C{number}", marker="Ph"[number % 2], linewidth=0, label=name)
    best_of = [centre for name, centre in centres.items() if name not in RANKED]
    axes.plot(*zip(*best_of, strict=True), color="grey", marker=".", label="best of 2...64")


def _frontier(seeds: Iterable[int], count: int = 40) -> tuple[list[float], list[float]]:
    """KL and reward of the exact optimum over beta, the means over the worlds of these seeds."""
    worlds = [draw_world(seed).bounded() for seed in sorted(seeds)]
    kls, rewards = [], []
    for step in range(count):
        beta = BETAS[0] * (BETAS[-1] / BETAS[0]) ** (step / (count - 1))
        optima = [(world, world.optimum(beta)) for world in worlds]
        kls.append(mean([world.kl(best_PN, world.ref_PN) for world, best_PN in optima]).value)
        rewards.append(mean([world.expected(best_PN) for world, best_PN in optima]).value)
    return kls, rewards


def _points(results: Results, arm: str) -> Iterator[Point]:
    return (point for cell in results if cell.arm == arm for point in cell.measurements)


def _betas(results: Results) -> list[float]:
    return sorted({point.beta for cell in results for point in cell.measurements if point.beta is not None})


def _gaps(results: Results, method: str) -> dict[float, list[float]]:
    """KL to the optimum of every seed, by beta."""
    gaps: dict[float, list[float]] = {}
    for point in _points(results, method):
        if point.beta is not None and point.gap is not None:
            gaps.setdefault(point.beta, []).append(point.gap)
    return gaps


def _without_beta(results: Results) -> dict[str, list[Point]]:
    """The points of what has no beta, on every seed, by name."""
    by_name: dict[str, list[Point]] = {}
    for arm in (*RANKED, BEST_OF_N):
        for point in _points(results, arm):
            by_name.setdefault(arm if point.n is None else f"best of {point.n}", []).append(point)
    return by_name


def _centre(points: Sequence[Point]) -> tuple[float, float]:
    """Mean KL and mean reward."""
    return mean([point.kl for point in points]).value, mean([point.reward for point in points]).value


def _best_of_bound(n: int) -> float:
    """The largest KL that best of n can have, log n - (n - 1) / n nats."""
    return log(n) - (n - 1) / n


def _value(estimate: Estimate) -> float:
    return estimate.value


def _formatted(estimate: Estimate) -> str:
    interval = "" if estimate.low is None else f" [{estimate.low:.2g}, {estimate.high:.2g}]"
    return f"{estimate.value:.2g}{interval}"
