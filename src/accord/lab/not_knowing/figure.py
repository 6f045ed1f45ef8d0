"""The picture: who guesses, where answering begins, and what a blind comparator rewards."""

from typing import TYPE_CHECKING

import numpy as np

from accord.lab.not_knowing.answering import SHARES
from accord.lab.not_knowing.learning import PENALTIES
from accord.lab.not_knowing.measured import BINS
from accord.lab.not_knowing.report import by_unknown_share
from accord.lab.not_knowing.results import Results, answered, bar, by_share, compared, rewards
from accord.lab.not_knowing.world import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure"]

COLOURS = dict(zip(PENALTIES, ("#9ecae1", "#4292c6", "#2171b5", "#08306b"), strict=True))
LEARNT = (
    ("start", None, "grey"),
    ("sft all", None, "#a63603"),
    ("distilled", None, "#e6550d"),
    ("sft known", None, "#fdae6b"),
    ("sft idk", 1.0, "#4292c6"),
    ("rl from start", 1.0, "#084594"),
    ("rl from sft all", 1.0, "#084594"),
    ("rl from sft idk", 1.0, "#084594"),
    ("rl from zero", 1.0, "#084594"),
)
FEWEST = 0.02  # answers in a tenth, summed over seeds as shares, of which rightness is shown
CENTRES = (BINS[1:] + BINS[:-1]) / 2


def figure(results: Results) -> "Figure":
    """Six parts: guessing by learner and by what was taught; where answering begins, and what it is worth; gaming."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(13.2, 7.6), layout="constrained")
    parts = canvas.subplots(2, 3)
    draw = (_guessing, _taught, _begins, _worth, _gamed, _reliable)
    for axes, part in zip(parts.flat, draw, strict=True):
        part(axes, results)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize(10)
    return canvas


def _guessing(axes: "Axes", results: Results) -> None:
    for place, (name, penalty, colour) in enumerate(LEARNT):
        wrong_S = answered(results, name, "wrong_unknown", penalty)
        axes.plot(wrong_S, np.full(len(wrong_S), place), "o", color=colour, alpha=0.4)
        words_S = answered(results, name, "wrong_unknown", words=True)
        axes.plot(words_S, np.full(len(words_S), place + 0.25), "x", color=colour, markersize=5)
    axes.plot([], [], "o", color="grey", alpha=0.5, label="network")
    axes.plot([], [], "x", color="grey", label="transformer")
    axes.set_yticks(range(len(LEARNT)), [name for name, _, _ in LEARNT])
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.62))
    axes.set(
        title="who guesses (RL and refusals: lambda 1)", xlabel="wrong answers to what is unknown", xlim=(-0.03, 1)
    )


def _taught(axes: "Axes", results: Results) -> None:
    wrong_NS = by_unknown_share(results)
    axes.plot(SHARES, wrong_NS, color="#a63603", alpha=0.2, linewidth=0.8)
    axes.plot(SHARES, wrong_NS.mean(1), "o-", color="#a63603", label="SFT")
    start = float(answered(results, "start", "wrong_unknown").mean())
    axes.axhline(start, color="grey", linestyle=":", label="start")
    axes.set(title="SFT on 120 answers", xlabel="share of them that the start does not know", ylim=(0, 1))
    axes.set_ylabel("wrong answers to what is unknown")
    axes.legend(frameon=False, fontsize=8, loc="center right")


def _begins(axes: "Axes", results: Results) -> None:
    for penalty in PENALTIES:
        rate_SB, _ = by_share(results, "rl from start", penalty)
        _band(axes, CENTRES, rate_SB, COLOURS[penalty], f"lambda {penalty:g}")
        axes.axvline(bar(penalty), color=COLOURS[penalty], linestyle=":", linewidth=1)
    rate_SB, _ = by_share(results, "rl from zero", 1.0)
    axes.plot(CENTRES, np.nanmean(rate_SB, axis=0), color="black", linestyle="--", label="from zero")
    axes.set(title="RL: where answering begins (dotted: where it pays)", ylim=(-0.02, 1.04))
    axes.set(xlabel="agreement of what was written", ylabel="share that is answered")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.93))


def _worth(axes: "Axes", results: Results) -> None:
    place_K = np.arange(len(PENALTIES))
    for name, colour, shift in (("sft idk", "#fd8d3c", -0.12), ("rl from start", "#084594", 0.12)):
        for field, marker in (("rewards", "o"), ("greedy", "^")):
            value_KS = np.stack([rewards(results, name, each, knows=each, field=field) for each in PENALTIES])
            said = "sampled" if field == "rewards" else "likeliest"
            label = f"{'RL' if name.startswith('rl') else 'SFT with refusals'}, {said}"
            at_K = place_K + shift + (0.05 if marker == "^" else -0.05)
            axes.plot(at_K, value_KS, marker, color=colour, alpha=0.15, markersize=4)
            axes.plot(at_K, value_KS.mean(1), marker, color=colour, markersize=7, label=label)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_xticks(place_K, [f"{penalty:g}" for penalty in PENALTIES])
    axes.set(title="RL against SFT with refusals", xlabel="lambda", ylabel="reward at that lambda")
    axes.legend(frameon=False, fontsize=8)


def _gamed(axes: "Axes", results: Results) -> None:
    shown = (("exact", "#084594"), ("blind to numbers", "#fd8d3c"), ("blind to both", "#a63603"))
    for name, colour in shown:
        steps_SN = compared(results, name, lambda point: point.steps)
        for style, of in (("--", "by_comparator"), ("-", "by_truth")):
            value_SN = compared(results, name, lambda point, of=of: getattr(point, of))  # type: ignore[misc]
            if len(value_SN):
                label = f"{name}: {'truth' if style == '-' else 'its own reward'}"
                axes.plot(steps_SN[0], value_SN.mean(0), style, color=colour, label=label)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(title="RL on comparison with a reference", xlabel="steps", ylabel="mean reward, lambda 1")
    axes.legend(frameon=False, fontsize=7, loc="center right", bbox_to_anchor=(1.0, 0.73))


def _reliable(axes: "Axes", results: Results) -> None:
    """Of each tenth of agreement: how often answers are right, beside how often there is one."""
    for penalty in PENALTIES:
        rate_SB, right_SB = by_share(results, "rl from start", penalty)
        weight_SB = np.nan_to_num(rate_SB) * ~np.isnan(right_SB)
        answers_B = weight_SB.sum(0)
        right_B = (weight_SB * np.nan_to_num(right_SB)).sum(0) / np.where(answers_B > FEWEST, answers_B, np.nan)
        axes.scatter(CENTRES, right_B, s=8 + 60 * np.nanmean(rate_SB, axis=0), color=COLOURS[penalty], alpha=0.8)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.set(title="RL: how often what is answered is right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set(xlabel="agreement of what was written", ylabel="share that is right (size: how many)")


def _band(axes: "Axes", x_B: Floats, value_SB: Floats, colour: str, label: str) -> None:
    axes.plot(x_B, np.nanmean(value_SB, axis=0), "o-", color=colour, markersize=3, label=label)
    low_B, high_B = np.nanquantile(value_SB, (0.1, 0.9), axis=0)
    axes.fill_between(x_B, low_B, high_B, color=colour, alpha=0.15, linewidth=0)
