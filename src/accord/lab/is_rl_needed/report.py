"""What is concluded: the numbers of the marks, a table and a panel a world."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from accord.lab.cell import CellResult
from accord.lab.contenders import ONLINE
from accord.lab.is_rl_needed.settings import BETA, NOT_TRAINED, START, WORLDS, MethodResult
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["conclude", "figure", "table"]

Results = Sequence[CellResult[MethodResult]]
Interval = tuple[float, float]
COLUMNS = {"objective": 2, "reward": 2, "kl": 1, "distinct_2": 2, "seconds": 0, "peak_gb": 1}  # digits


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about; of a world, the cells that have been worked out."""
    estimates: dict[str, Estimate] = {}
    for world in WORLDS:
        objectives = _objectives(results, world)
        online = {method: values for method, values in objectives.items() if method in ONLINE}
        others = {method: values for method, values in objectives.items() if method not in {*ONLINE, *NOT_TRAINED}}
        if online and others:
            estimates[world] = mean(_differences(_best(others), _best(online)))
    essays = _objectives(results, "essay")
    best = _best({method: values for method, values in essays.items() if method not in NOT_TRAINED})
    for name, method in (("distilled", "best_of_n"), ("preferences", "dpo")):
        shortfall = np.subtract(best, essays[method]) / np.subtract(best, essays[START])
        estimates[name] = mean(shortfall.tolist())
    leader = max((method for method in essays if method in ONLINE), key=lambda method: float(np.mean(essays[method])))
    variety = [_column(results, "essay", method, "distinct_2") for method in (leader, "best_of_n")]
    estimates["varied"] = mean(_differences(*variety))
    return estimates


def table(results: Results) -> str:
    """Markdown: a table a world, methods by their objective, best first."""
    return "\n\n".join(_world_table(results, world) for world in WORLDS if _objectives(results, world))


def figure(results: Results) -> "Figure":
    """A panel for each world that has been worked out: every method's objective with its interval, best on top."""
    from matplotlib.figure import Figure

    worlds = [world for world in WORLDS if _objectives(results, world)]
    canvas = Figure(figsize=(4.6 * len(worlds), 4.2), layout="constrained")
    for axes, world in zip(canvas.subplots(1, len(worlds), squeeze=False)[0], worlds, strict=True):
        _draw_world(axes, results, world)
    return canvas


def _world_table(results: Results, world: str) -> str:
    objectives = _objectives(results, world)
    seeds = len({cell.seed for cell in results if _of_world(cell, world)})
    title = f"{world}, beta {BETA[world]:g}, {f'{seeds} seeds' if seeds > 1 else 'one seed, intervals over prompts'}"
    lines = [
        f"| {title} | RL | E[r] - beta KL | reward | KL, nats | distinct-2 | seconds | peak GB |",
        "|---" * 8 + "|",
    ]
    for method in sorted(objectives, key=lambda method: -float(np.mean(objectives[method]))):
        numbers = [
            _formatted(_column(results, world, method, name), digits, _over_prompts(results, world, method, name))
            for name, digits in COLUMNS.items()
        ]
        lines.append(f"| {method} | {'yes' if method in ONLINE else ''} | " + " | ".join(numbers) + " |")
    return "\n".join(lines)


def _draw_world(axes: "Axes", results: Results, world: str) -> None:
    objectives = _objectives(results, world)
    methods = sorted(objectives, key=lambda method: float(np.mean(objectives[method])))
    for height, method in enumerate(methods):
        estimate = mean(objectives[method])
        low, high = _over_prompts(results, world, method, "objective") or (estimate.low, estimate.high)
        colour = "black" if method in NOT_TRAINED else "C0" if method in ONLINE else "C1"
        if low is not None and high is not None:
            axes.plot([low, high], [height, height], color=colour, linewidth=1.5)
        fill = "full" if method in ONLINE else "none"
        axes.plot(estimate.value, height, marker="o", markersize=6, color=colour, fillstyle=fill)
    axes.set_yticks(range(len(methods)), methods)
    axes.set(title=f"{world}, beta {BETA[world]:g}", xlabel="E[r] - beta KL (full: with RL; open: without)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="x", linewidth=0.3)


def _of_world(cell: CellResult[MethodResult], world: str) -> list[MethodResult]:
    return [result for result in cell.measurements if result.world == world]


def _column(results: Results, world: str, method: str, name: str) -> list[float]:
    """One number of a method, a value a seed, in the order of the seeds."""
    by_seed: dict[int, float] = {}
    for cell in results:
        for result in _of_world(cell, world):
            if result.method == method and (value := getattr(result, name)) is not None:
                by_seed[cell.seed] = value
    return [by_seed[seed] for seed in sorted(by_seed)]


def _objectives(results: Results, world: str) -> dict[str, list[float]]:
    methods = dict.fromkeys(result.method for cell in results for result in _of_world(cell, world))
    return {method: _column(results, world, method, "objective") for method in methods}


def _best(objectives: Mapping[str, list[float]]) -> list[float]:
    """The values of the method whose mean is largest."""
    return max(objectives.values(), key=lambda values: float(np.mean(values)))


def _differences(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [float(difference) for difference in np.subtract(left, right)]


def _over_prompts(results: Results, world: str, method: str, name: str) -> Interval | None:
    """The interval over prompts of a method that has one seed; None where it has more, or no interval was had."""
    of_method = [result for cell in results for result in _of_world(cell, world) if result.method == method]
    if len(of_method) != 1 or of_method[0].intervals is None:
        return None
    low, high = of_method[0].intervals.get(name, (None, None))
    return None if low is None or high is None else (low, high)


def _formatted(values: Sequence[float], digits: int, over_prompts: Interval | None) -> str:
    """The mean over seeds with its interval, or one seed's value with its interval over prompts."""
    if not values:
        return ""
    estimate = mean(values)
    low, high = over_prompts or (estimate.low, estimate.high)
    if low is None or high is None or (over_prompts is None and len(values) < 3):
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
