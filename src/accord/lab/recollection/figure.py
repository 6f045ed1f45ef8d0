"""The picture: gold by how often it is asked, the rule over time, the stop, and what becomes of two features."""

from typing import TYPE_CHECKING

import numpy as np

from accord.lab.recollection.cells import INTERVALS, SHARE
from accord.lab.recollection.points import AskedPoint, StopPoint
from accord.lab.recollection.report import best_interval, share_of_peak
from accord.lab.recollection.results import Results, asking_runs, courses, has

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

BINS = np.linspace(0.5, 1, 26).tolist()
BLUE, RED, GREEN, GREY = "#084594", "#a63603", "#31a354", "#969696"


def figure(results: Results) -> "Figure":
    """Four panels."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(10.4, 7.4), layout="constrained")
    grid = canvas.subplots(2, 2)
    for axes, draw in zip(grid.flat, (_intervals, _over_time, _stops, _features), strict=True):
        draw(axes, results)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _intervals(axes: "Axes", results: Results) -> None:
    if not has(results, "turns"):
        return
    gold = [asking_runs(results, "turns", f"every {every}", lambda point: point.gold[-1]).mean() for every in INTERVALS]
    shown = [(every, value) for every, value in zip(INTERVALS, gold, strict=True) if value > 0]
    axes.plot(*zip(*shown, strict=True), "o-", color=BLUE, label="asked at fixed intervals, 480 labels")
    rule = asking_runs(results, "turns", "rule", lambda point: point.gold[-1]).mean()
    labels = asking_runs(results, "turns", "rule", lambda point: point.labels).mean()
    axes.axhline(rule, color=RED, label=f"asked by the rule, {labels:.0f} labels")
    left_out = [str(every) for every, value in zip(INTERVALS, gold, strict=True) if value <= 0]
    beside = f" (below 0 at {', '.join(left_out)})" if left_out else ""
    axes.set_xscale("log")
    axes.set_xticks([every for every, _ in shown], [str(every) for every, _ in shown])
    axes.minorticks_off()
    axes.set(title=f"gold after 48 steps{beside}", xlabel="steps from one asking to the next", ylim=(3, 4))
    axes.legend(frameon=False, fontsize=8, loc="lower left")


def _over_time(axes: "Axes", results: Results) -> None:
    if not has(results, "turns"):
        return
    for how, colour in ((f"every {best_interval(results)}", BLUE), ("every 48", GREY), ("rule", RED)):
        paths = [
            point.gold
            for cell in results
            if cell.arm == "turns"
            for point in cell.measurements
            if isinstance(point, AskedPoint) and point.how == how
        ]
        gold = np.mean(paths, axis=0)
        axes.plot(np.arange(1, len(gold) + 1), gold, color=colour, label={"every 48": "once"}.get(how, how))
    axes.axhline(4, color=GREY, linewidth=0.6)
    axes.set(title="gold along a run (line: the most there is)", xlabel="step", ylim=(-2, 4.2))
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _stops(axes: "Axes", results: Results) -> None:
    for arm, colour, name in (("turns", RED, "gold turns"), ("control", BLUE, "gold does not turn")):
        shares = [
            share_of_peak(point)
            for cell in results
            if cell.arm == arm
            for point in cell.measurements
            if isinstance(point, StopPoint)
        ]
        if shares:
            axes.hist(np.clip(shares, 0.5, 1), bins=BINS, color=colour, alpha=0.6, label=name)
    axes.axvline(0.9, color=GREY, linewidth=0.8)
    axes.set(
        title="what a stop by comparisons keeps of the peak",
        xlabel="share, .5 or less at the left (line: .9)",
        ylabel="runs",
    )
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _features(axes: "Axes", results: Results) -> None:
    if not has(results, "biased"):
        return
    for share, style in ((0.0, "-"), (SHARE, "--")):
        of = f"{share:.0%} of the texts by the start"
        for (name, course), colour in zip(courses(results, "biased", share).items(), (RED, GREEN), strict=True):
            axes.plot(range(len(course)), course, style, color=colour, label=f"{name}, {of}")
    axes.set(
        title="two features of which the first reward is wrong",
        xlabel="round",
        ylabel="log-odds in a text",
        ylim=(-7, 12),
    )
    axes.legend(frameon=False, fontsize=8, loc="upper left")
