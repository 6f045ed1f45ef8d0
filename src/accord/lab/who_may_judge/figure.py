"""The picture: who is best by the model's error and by money, where people overtake, who is passed, what is seen."""

from typing import TYPE_CHECKING

import numpy as np

from accord.lab.who_may_judge.cells import ERRORS, MONEY, PRESSURES, arm_of
from accord.lab.who_may_judge.report import AT, BLIND, CHECKS, KL, PICKS
from accord.lab.who_may_judge.results import Results, checks, gold, has, judges, policies, switch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

COLOURS = {
    "people": "#084594",
    "model": "#a63603",
    "program": "#969696",
    "assisted": "#31a354",
    "routed": "#fdae6b",
    "corrected": "#9e9ac8",
}
WORDS = {
    "assisted": "people with remarks",
    "routed": "people where the model is unsure",
    "corrected": "people correct the model",
}


def figure(results: Results) -> "Figure":
    """Six panels."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(12.6, 7.6), layout="constrained")
    grid = canvas.subplots(2, 3)
    for axes, draw in zip(grid.flat, (_by_error, _by_money, _switches, _passed, _pressures, _alarms), strict=True):
        draw(axes, results)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _errors(results: Results) -> list[int]:
    return [error for error in ERRORS if has(results, arm_of(error))]


def _by_error(axes: "Axes", results: Results) -> None:
    errors = _errors(results)
    for design, colour in COLOURS.items():
        of_E = [gold(results, arm_of(error), design, AT, KL).mean() for error in errors]
        axes.plot(np.array(errors) / 100, of_E, "o-", color=colour, markersize=3, label=WORDS.get(design, design))
    axes.set(
        title=f"gold by error ({AT:,} dollars, {KL:g} nats)",
        xlabel="error of the model",
        ylabel="gold less the start's",
    )
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, loc="lower left")


def _by_money(axes: "Axes", results: Results) -> None:
    for error, style in ((100, "-"), (40, "--")):
        if not has(results, arm_of(error)):
            continue
        for design in ("people", "model", "assisted", "corrected"):
            of_M = [gold(results, arm_of(error), design, money, KL).mean() for money in MONEY]
            label = WORDS.get(design, design) if style == "-" else None
            axes.plot(MONEY, of_M, "o" + style, color=COLOURS[design], markersize=3, label=label)
    axes.set_xscale("log")
    axes.set_xticks(MONEY, [f"{money:,}" for money in MONEY])
    axes.minorticks_off()
    axes.set(title=f"gold by money: error 1, dashed .4 ({KL:g} nats)", xlabel="dollars", ylabel="gold less the start's")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=7, loc="center right")


def _switches(axes: "Axes", results: Results) -> None:
    if _errors(results) != list(ERRORS):
        return
    everybody = np.arange(len(gold(results, arm_of(0), "people", AT, KL)))
    for kl, style in ((1.0, ":"), (KL, "-"), (9.0, "--")):
        error_M = [switch(results, money, kl)(everybody) for money in MONEY]
        axes.plot(MONEY, error_M, "o" + style, color="black", markersize=3, label=f"{kl:g} nats")
        if kl == KL:
            axes.fill_between(MONEY, error_M, 1, color=COLOURS["people"], alpha=0.12, linewidth=0)
            axes.fill_between(MONEY, 0, error_M, color=COLOURS["model"], alpha=0.12, linewidth=0)
    axes.text(330, 0.85, "people", color=COLOURS["people"], fontsize=10)
    axes.text(120, 0.12, "the model", color=COLOURS["model"], fontsize=10)
    axes.set_xscale("log")
    axes.set_xticks(MONEY, [f"{money:,}" for money in MONEY])
    axes.minorticks_off()
    axes.set(title="whose answers make the better policy", xlabel="dollars", ylabel="error of the model", ylim=(0, 1))
    axes.legend(frameon=False, fontsize=7, loc="upper right")


def _passed(axes: "Axes", results: Results) -> None:
    """A hollow point for what a judge picks itself, a full one for what its reward picks, a line between both."""
    errors = _errors(results)
    rows = [("people", errors[-1]), ("program", errors[-1])]
    rows += [(judge, error) for judge in ("model", "assisted") for error in errors if error in {0, 40, 80, 100}]
    for place, (judge, error) in enumerate(rows):
        own = judges(results, arm_of(error), judge, lambda point: point.picks[PICKS]).mean()
        learnt = policies(results, arm_of(error), judge, AT, lambda point: point.picks[PICKS]).mean()
        axes.plot([own, learnt], [place, place], color=COLOURS[judge], linewidth=2)
        axes.plot(own, place, "o", color=COLOURS[judge], markerfacecolor="white")
        axes.plot(learnt, place, "o", color=COLOURS[judge])
    best = judges(results, arm_of(errors[-1]), "people", lambda point: point.best[PICKS]).mean()
    axes.axvline(best, color="grey", linewidth=0.8)
    words = [
        WORDS.get(judge, judge) + ("" if judge in {"people", "program"} else f", {e / 100:g}") for judge, e in rows
    ]
    axes.set_yticks(range(len(rows)), words, fontsize=8)
    axes.invert_yaxis()
    axes.set(title="picks of 16: the judge's own (hollow), its reward's", xlabel="gold (line: the best there is)")


def _pressures(axes: "Axes", results: Results) -> None:
    d_N = np.sqrt(PRESSURES)
    shown = (("people", 100, "-"), ("assisted", 100, "-"), ("corrected", 100, "-"), ("model", 100, "-"))
    for design, error, style in (*shown, ("model", 40, "--")):
        if has(results, arm_of(error)):
            of_N = [gold(results, arm_of(error), design, AT, kl).mean() for kl in PRESSURES]
            label = WORDS.get(design, design) + (", error .4" if error == 40 else "")
            axes.plot(d_N, of_N, style, color=COLOURS[design], label=label)
    axes.axhline(0, color="grey", linewidth=0.6)
    axes.set(
        title=f"gold by pressure: error 1 ({AT:,} dollars)", xlabel="sqrt(KL), nats", ylabel="gold less the start's"
    )
    axes.legend(frameon=False, fontsize=7, loc="upper left")


def _alarms(axes: "Axes", results: Results) -> None:
    """A row a check, by whose answers it reads; in how many seeds it fires at each error."""
    errors = _errors(results)
    shown = (*CHECKS, *BLIND)
    share_CE = np.array([[checks(results, arm_of(e), *each).mean() for e in errors] for each in shown])
    axes.imshow(share_CE, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for row, column in np.ndindex(share_CE.shape):
        axes.text(column, row, f"{100 * share_CE[row, column]:.0f} %", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(errors)), [f"{error / 100:g}" for error in errors])
    words = {"OV3 assistance": "OV3 assistance\nremarks, people asked"}
    rows = [words.get(check, f"{check}\nmodel's reward, {who} asked") for check, _, who in shown]
    axes.set_yticks(range(len(shown)), rows, fontsize=8)
    axes.set(title="seeds in which a check fires", xlabel="error of the model")
