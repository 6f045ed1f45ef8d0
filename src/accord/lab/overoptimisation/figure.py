"""The picture: gold and the reward over sqrt(KL), what helps, and when the alarm comes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from accord.lab.overoptimisation.cells import STEP
from accord.lab.overoptimisation.curves import INDUCED, Results, alarms, curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

COLOURS = {"150": "#9ecae1", "1000": "#4292c6", "5000": "#084594", "healthy": "#31a354"}
CURES = {
    "plain": "#4292c6",
    "mean": "#9e9ac8",
    "worst": "#fdae6b",
    "variance": "#e6550d",
    "posterior": "#a63603",
    "collected again": "#31a354",
}


def figure(results: Results) -> "Figure":
    """Six panels: by size of the data and by cure, best of n below RL; the alarm; steps with a KL term and without."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(12.6, 7.4), layout="constrained")
    (top, below), (right, low_right), (last, low_last) = _columns(canvas)
    for axes, optimiser, words in ((top, "rl", "RL (exact optimum)"), (below, "best-of-n", "best of n")):
        _by_data(axes, results, optimiser)
        axes.set(title=f"{words}: the wrong class, by comparisons", ylabel="gain over the start")
    for axes, optimiser, words in ((right, "rl", "RL (exact optimum)"), (low_right, "best-of-n", "best of n")):
        _by_cure(axes, results, optimiser)
        axes.set(title=f"{words}: the right class, 1,000 comparisons", ylabel="gold less the start's")
    _alarm(last, results)
    _steps(low_last, results)
    for axes in (top, right, below, low_right, last, low_last):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _columns(canvas: "Figure") -> Sequence[tuple["Axes", "Axes"]]:
    grid = canvas.subplots(2, 3)
    return [(grid[0, column], grid[1, column]) for column in range(3)]


def _by_data(axes: "Axes", results: Results, optimiser: str) -> None:
    """Gold as a line, the reward that is optimised dashed."""
    arms = [(f"narrow-{pairs}", pairs) for pairs in ("150", "1000", "5000")] + [("healthy-1000", "healthy")]
    for arm, name in arms:
        found = curves(results, arm, "linear", "plain", optimiser)
        if found is None:
            continue
        axes.plot(found.d_N, found.gold_SN.mean(0), color=COLOURS[name], linewidth=2, label=name)
        axes.plot(found.d_N, found.score_SN.mean(0), color=COLOURS[name], linewidth=1, linestyle="--")
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.set(xlabel="sqrt(KL), nats")
    axes.legend(frameon=False, fontsize=8, title="gold; dashed: the reward", title_fontsize=8)


def _by_cure(axes: "Axes", results: Results, optimiser: str) -> None:
    """The mean over seeds, and the middle half of them."""
    for name, colour in CURES.items():
        again = name == "collected again"
        arm, score = ("recollected-1000", "plain") if again else ("narrow-1000", name)
        found = curves(results, arm, "quadratic", score, optimiser)
        if found is None:
            continue
        axes.plot(found.d_N, found.gold_SN.mean(0), color=colour, linewidth=2, label=name)
        low_N, high_N = np.quantile(found.gold_SN, [0.25, 0.75], axis=0)
        axes.fill_between(found.d_N, low_N, high_N, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.set(xlabel="sqrt(KL), nats")
    axes.legend(frameon=False, fontsize=8)


def _alarm(axes: "Axes", results: Results) -> None:
    """Each run that loses a fifth, in the order of that: its peak, the loss, and the alarms."""
    runs = [(arm, point) for arm, point in alarms(results, INDUCED, 100) if point.lost is not None]
    runs.sort(key=lambda run: run[1].lost or 0)
    for row, (_, point) in enumerate(runs):
        axes.plot([STEP * point.peak, STEP * (point.lost or 0)], [row, row], color="#bdbdbd", linewidth=3, zorder=1)
        if point.alarm is not None:
            late = point.lost is not None and point.alarm >= point.lost
            axes.plot(STEP * point.alarm, row, "x" if late else "o", color="#a63603" if late else "#31a354", zorder=2)
    axes.set(
        title="peak to a fifth lost (bar); alarm (x: too late)",
        xlabel="sqrt(KL), nats",
        ylabel="runs that lose a fifth",
        yticks=[],
    )


def _steps(axes: "Axes", results: Results) -> None:
    """Gold along the steps of a policy that is held near its start, and of one that is not."""
    for reward, style in (("linear", "-"), ("quadratic", "--")):
        for optimiser, colour in (("with-kl", "#31a354"), ("without-kl", "#a63603")):
            found = curves(results, "narrow-1000", reward, "plain", optimiser)
            if found is None:
                continue
            step_N = 10 * np.arange(found.gold_SN.shape[1])
            words = "with a KL term" if optimiser == "with-kl" else "without"
            axes.plot(step_N, np.median(found.gold_SN, 0), style, color=colour, label=f"{reward}, {words}")
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(title="steps of a policy, median over seeds", xlabel="step", ylabel="gold less the start's")
    axes.legend(frameon=False, fontsize=8)
