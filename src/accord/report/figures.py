"""The figures of the page. Each is drawn by matplotlib without pyplot at the width at which it is shown.

accuracy        judges beside what costs nothing and what people reach: a dot and an interval each
curve           what the reward model and the independent judge say along the run, over the KL
training_curve  one quantity of the training, step by step
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accord.report.canvas import (
    NARROW,
    NORMAL,
    RIM,
    SMALL,
    WIDTHS,
    high_end,
    low_end,
    new_canvas,
    whisker,
    x_axis,
    y_axis,
)
from accord.report.svg import COLOURS, own_style, render_svg
from accord.report.words import interval
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WIDTHS", "CurveStep", "Mark", "TrainingCurve", "accuracy", "curve", "training_curve"]

MUTED, JUDGE = COLOURS["muted"], COLOURS["judge"]
OFFSET = "offset points"
_STRONG: dict[str, Any] = {"fontsize": NORMAL, "fontweight": "bold", "annotation_clip": False}


@dataclass(frozen=True)
class Mark:
    """A line of the accuracy figure; `role` is `proxy`, `judge` or `muted` (a baseline)."""

    label: str
    estimate: Estimate
    role: str


@dataclass(frozen=True)
class CurveStep:
    """A step of the run on the curve: KL and the two scores, each with its interval."""

    step: int
    kl: Estimate
    proxy: Estimate | None
    judge: Estimate | None


@dataclass(frozen=True)
class TrainingCurve:
    """One quantity by step. `low_S` and `high_S` are its interval at each step, None where there is none."""

    key: str
    title: str
    unit: str
    step_S: tuple[int, ...]
    value_S: tuple[float | None, ...]
    low_S: tuple[float | None, ...] | None = None
    high_S: tuple[float | None, ...] | None = None
    digits: int = 2


@own_style()
def accuracy(marks: Sequence[Mark], *, width: int) -> str:
    """Share of held-out pairs ordered as their evaluators did, by judges, people and baselines; chance is dotted."""
    row, top, bottom = 46, 8, 46
    height = top + row * len(marks) + bottom
    figure, axes = new_canvas(width, height, left=4, right=58, top=top, bottom=bottom)
    estimates = [mark.estimate for mark in marks]
    low, high = min(0.5, *map(low_end, estimates)), max(0.5, *map(high_end, estimates))
    pad = max(0.01, 0.04 * (high - low))
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(len(marks), 0)
    for place, mark in enumerate(marks):
        colour = COLOURS[mark.role]
        y = place + 0.72
        axes.vlines(0.5, y - 0.2, y + 0.24, color=MUTED, linewidth=1.4, linestyle=(0, (1, 2)))
        whisker(axes, mark.estimate, y, colour)
        axes.text(low - pad, place + 0.32, mark.label, color=colour, va="center", fontsize=NORMAL)
        value = f"{mark.estimate.value:.3f}"
        axes.annotate(value, (high + pad, y), xytext=(8, 0), textcoords=OFFSET, color=colour, va="center", **_STRONG)
    x_axis(axes, "share of held-out pairs")
    values = "; ".join(f"{mark.label} {interval(mark.estimate)}" for mark in marks)
    return render_svg(
        figure,
        f"accuracy-{width}",
        title="How often each judge orders two texts as the evaluators did",
        description=f"Dots with 95 % intervals, held-out pairs: {values}. Dotted lines mark chance, 0.5.",
    )


@own_style()
def curve(steps: Sequence[CurveStep], *, width: int) -> str:
    """Scores by the reward model and by the independent judge over the KL to the start, in the order of the steps."""
    height = 340 if width == NARROW else 400
    figure, axes = new_canvas(width, height, left=40, right=12, top=54, bottom=46)
    labels = []
    for name, label, marker in (("proxy", "reward model", "o"), ("judge", "independent judge", "s")):
        colour = COLOURS[name]
        points = [(step.kl, score) for step in steps if (score := getattr(step, name)) is not None]
        if not points:
            continue
        x_S, y_S = [kl.value for kl, _ in points], [score.value for _, score in points]
        axes.hlines(
            y_S,
            [low_end(kl) for kl, _ in points],
            [high_end(kl) for kl, _ in points],
            color=colour,
            linewidth=1,
            alpha=0.35,
        )
        axes.vlines(
            x_S,
            [low_end(s) for _, s in points],
            [high_end(s) for _, s in points],
            color=colour,
            linewidth=1.8,
            alpha=0.7,
        )
        axes.plot(x_S, y_S, color=colour, linewidth=1.6, marker=marker, markersize=7, **RIM)
        labels.append((y_S[-1], label, marker, colour))
    y_axis(axes, 5)
    x_axis(axes, "KL to the start, nats a text")
    _key(axes, "score, standard deviations", labels)
    return render_svg(
        figure,
        f"curve-{width}",
        title="What the reward model and the independent judge say along the run",
        description=_curve_said(steps),
    )


@own_style()
def training_curve(curve: TrainingCurve) -> str:
    """One quantity of the training by step, its interval as a band, its last value beside the line."""
    figure, axes = new_canvas(NARROW, 176, left=44, right=52, top=12, bottom=36)
    known = [(s, v) for s, v in zip(curve.step_S, curve.value_S, strict=True) if v is not None]
    if curve.low_S is not None and curve.high_S is not None:
        nan = float("nan")
        low_S, high_S = ([nan if x is None else x for x in side] for side in (curve.low_S, curve.high_S))
        axes.fill_between(curve.step_S, low_S, high_S, color=JUDGE, alpha=0.2, linewidth=0)
        if len(curve.step_S) == 1:
            axes.vlines(curve.step_S, low_S, high_S, color=JUDGE, alpha=0.4, linewidth=2)
    values = [float("nan") if v is None else v for v in curve.value_S]
    axes.plot(curve.step_S, values, color=JUDGE, linewidth=1.8, marker="o" if len(known) == 1 else "")
    last_step, last = known[-1]
    value = f"{last:,.{curve.digits}f}"
    axes.annotate(value, (last_step, last), xytext=(8, 0), textcoords=OFFSET, va="center", color=JUDGE, **_STRONG)
    x_axis(axes, "step", whole=True)
    y_axis(axes, 3, least=max(4 * 10**-curve.digits, 1e-3 * max(abs(value) for _, value in known)))
    first = known[0]
    return render_svg(
        figure,
        f"course-{curve.key}",
        title=f"{curve.title} by step",
        description=f"{curve.title} ({curve.unit}): {first[1]:.{curve.digits}f} at step {first[0]}, "
        f"{last:.{curve.digits}f} at step {last_step}, between {min(v for _, v in known):.{curve.digits}f} "
        f"and {max(v for _, v in known):.{curve.digits}f}.",
    )


def _key(axes: "Axes", unit: str, labels: list[tuple[float, str, str, str]]) -> None:
    """Above the plot the names of the lines in their colours, in the order in which they end; then the unit."""
    at: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": OFFSET, "va": "center"}
    offset = 0
    for _, label, marker, colour in sorted(labels, reverse=True):
        sign = "\N{BLACK CIRCLE}" if marker == "o" else "\N{BLACK SQUARE}"
        axes.annotate(sign, (0, 1), xytext=(offset - 34, 40), color=colour, **_STRONG, **at)
        axes.annotate(label, (0, 1), xytext=(offset - 18, 40), color=colour, **_STRONG, **at)
        offset += 34 + 8 * len(label)
    axes.annotate(unit, (0, 1), xytext=(-34, 18), color=MUTED, fontsize=SMALL, **at)


def _curve_said(steps: Sequence[CurveStep]) -> str:
    def at(step: CurveStep) -> str:
        parts = [f"KL {interval(step.kl, 2)} nats"]
        parts += [f"reward model {interval(step.proxy, 2)}"] if step.proxy is not None else []
        parts += [f"independent judge {interval(step.judge, 2)}"] if step.judge is not None else []
        return f"step {step.step}: " + ", ".join(parts)

    first, last = steps[0], steps[-1]
    return f"{at(first)}; {at(last)}." if first is not last else f"{at(first)}."
