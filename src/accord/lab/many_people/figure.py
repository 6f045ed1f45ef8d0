"""The picture: whose reward, whose policy, what the audit says, policies between groups, and maps of disagreement."""

from typing import TYPE_CHECKING

import numpy as np

from accord.lab.many_people.annotation import AT
from accord.lab.many_people.cells import ANNOTATION, FRONT, PANELS, SHARES
from accord.lab.many_people.results import Results, errors, front, has, values, worst

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

POOLED, KNOWN, FOUND, OTHER = "#a63603", "#4292c6", "#084594", "#969696"


def figure(results: Results) -> "Figure":
    """Six panels."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(12.6, 7.4), layout="constrained")
    grid = canvas.subplots(2, 3)
    panels = (_accuracies, _gains, _alarms, _fronts, _maps, _noisier)
    for axes, draw in zip(grid.flat, panels, strict=True):
        draw(axes, results)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _shares(results: Results) -> list[int]:
    return [share for share in SHARES if has(results, f"opposed-{share}")]


def _accuracies(axes: "Axes", results: Results) -> None:
    for how, colour in (("pooled", POOLED), ("known", KNOWN), ("found", FOUND)):
        for group, style in (("majority", "-"), ("minority", "--")):
            shares = [share for share in _shares(results) if share or group == "majority"]
            mean_G = [values(results, f"opposed-{share}", "accuracy", how, group).mean() for share in shares]
            words = {"pooled": "one reward", "known": "known groups", "found": "groups by EM"}[how]
            axes.plot(shares, mean_G, style, color=colour, marker="o", markersize=3, label=f"{words}, {group}")
    axes.set(title="pairs ordered as the group would", xlabel="minority, %", ylabel="accuracy", ylim=(0.45, 1.01))
    axes.legend(frameon=False, fontsize=7)


def _gains(axes: "Axes", results: Results) -> None:
    ways = (("pooled", POOLED, "one reward"), ("maxmin of known", KNOWN, "MaxMin, known groups"))
    for how, colour, words in (*ways, ("maxmin of found", FOUND, "MaxMin, groups by EM")):
        shares = _shares(results)
        for of, style in (("worst", "-"), ("majority", ":")):
            mean_G = [
                (
                    worst(results, f"opposed-{share}", how)
                    if of == "worst"
                    else values(results, f"opposed-{share}", "gain", how, "majority")
                ).mean()
                for share in shares
            ]
            label = words if of == "worst" else None
            axes.plot(shares, mean_G, style, color=colour, marker="o", markersize=3, label=label)
    axes.set(title="gain of the worst-served group (dotted: majority)", xlabel="minority, %", ylabel="gold, log-odds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7)


def _alarms(axes: "Axes", results: Results) -> None:
    arms = [arm for arm in PANELS if has(results, arm)]
    for place, arm in enumerate(arms):
        for what, shift, colour in (("PM2 fires", -0.2, KNOWN), ("gap fires", 0.2, POOLED)):
            fires_S = values(results, arm, what)
            if len(fires_S):
                axes.barh(place + shift, fires_S.mean(), 0.36, color=colour, label=what if not place else None)
    axes.set_yticks(range(len(arms)), arms, fontsize=8)
    axes.invert_yaxis()
    handles = [axes.barh(0, 0, color=colour) for colour in (KNOWN, POOLED)]
    axes.legend(handles, ("PM2", "gap in accuracy"), frameon=False, fontsize=7)
    axes.set(title="share of panels in which it fires", xlim=(0, 1.02))


def _fronts(axes: "Axes", results: Results) -> None:
    if not has(results, FRONT):
        return
    for how, colour in (("retrained", FOUND), ("soup", "#31a354"), ("mixture", OTHER)):
        gain_W2 = front(results, how).gain_SW2.mean(0)
        axes.plot(*gain_W2.T, color=colour, marker="o", markersize=3, label=how)
    axes.plot(*front(results, "maxmin").gain_SW2.mean(0).T, "*", color=POOLED, markersize=11, label="MaxMin")
    axes.set(title="two groups' policies", xlabel="gain of the first group", ylabel="gain of the second")
    axes.legend(frameon=False, fontsize=7)


def _maps(axes: "Axes", results: Results) -> None:
    for arm, style in zip(ANNOTATION, ("-", "--"), strict=True):
        if not has(results, arm):
            continue
        words = "a minority of 30 %" if arm == "annotation-30" else "nobody differs"
        for how, colour in (("disagreement", KNOWN), ("random", POOLED), ("model alone", OTHER)):
            mean_A = errors(results, arm, how).mean(0)
            axes.plot(AT, mean_A, style, color=colour, label=f"{how}, {words}")
    axes.set(title="error of the map of disagreement, bits", xlabel="answers to 100 items", ylim=(0, 0.62))
    axes.legend(frameon=False, fontsize=7)


def _noisier(axes: "Axes", results: Results) -> None:
    arms = [arm for arm in ("opposed-0", "noisier-10", "noisier-20") if has(results, arm)]
    ways = (("pooled", POOLED), ("maxmin of known", KNOWN), ("maxmin of found", FOUND))
    for number, (how, colour) in enumerate(ways):
        for place, arm in enumerate(arms):
            gain_S = values(results, arm, "gain", how, "majority")
            at = place + 0.22 * (number - 1)
            axes.plot(np.full(len(gain_S), at), gain_S, "o", color=colour, alpha=0.4, markersize=4)
        axes.plot([], [], "o", color=colour, label=how.replace("maxmin", "MaxMin"))
    axes.set_xticks(range(len(arms)), arms)
    axes.set(title="nobody is opposed: what everybody gains", ylabel="gold, log-odds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7)
