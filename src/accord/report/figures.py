"""The figures of the page. Each is drawn by matplotlib (without pyplot) at the width at which it is shown.

    accuracy    judges beside what costs nothing and what people reach: a dot and an interval each
    curve       what the reward model and the independent judge say along the run, over the KL
    course      one quantity of the training, step by step
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accord.report.svg import COLOURS, drawn
from accord.report.words import interval
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WIDTHS", "Course", "Mark", "Turn", "accuracy", "course", "curve"]

NARROW, WIDE = WIDTHS = (344, 704)  # CSS pixels
INK, MUTED, LINE, CARD = (COLOURS[name] for name in ("ink", "muted", "line", "card"))
PROXY, JUDGE = COLOURS["proxy"], COLOURS["judge"]


@dataclass(frozen=True)
class Mark:
    """A line of the accuracy figure; `role` is `proxy`, `judge` or `muted` (a baseline)."""

    label: str
    estimate: Estimate
    role: str


@dataclass(frozen=True)
class Turn:
    """A step of the run on the curve: KL and the two scores, each with its interval."""

    step: int
    kl: Estimate
    proxy: Estimate | None
    judge: Estimate | None


@dataclass(frozen=True)
class Course:
    """One quantity by step. `low_S` and `high_S` are its interval at each step, None where there is none."""

    key: str
    title: str
    unit: str
    step_S: tuple[int, ...]
    value_S: tuple[float | None, ...]
    low_S: tuple[float | None, ...] | None = None
    high_S: tuple[float | None, ...] | None = None
    digits: int = 2


def accuracy(marks: Sequence[Mark], ceiling: Estimate | None, *, width: int) -> str:
    """Share of held-out pairs ordered as people did; chance is a line, the agreement of two people a band."""
    row, top, bottom = 44, (44 if ceiling else 8), 34
    height = top + row * len(marks) + bottom
    figure, axes = _canvas(width, height, left=10, right=54, top=top, bottom=bottom)
    ends = [each.estimate for each in marks] + ([ceiling] if ceiling else [])
    low = min(0.5, *(_low(each) for each in ends))
    high = max(0.5, *(_high(each) for each in ends))
    pad = 0.04 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(len(marks), 0)
    axes.axvline(0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    if ceiling is not None:
        axes.axvspan(_low(ceiling), _high(ceiling), color=MUTED, alpha=0.16, linewidth=0)
        axes.axvline(ceiling.value, color=MUTED, linewidth=1.2)
        axes.annotate(
            f"two people agree {ceiling.value:.3f}", (ceiling.value, 0), xytext=(0, 8), textcoords="offset points",
            ha="right", color=MUTED, fontsize=13, annotation_clip=False,
        )  # fmt: skip
    for place, mark in enumerate(marks):
        colour = COLOURS[mark.role]
        y = place + 0.66
        _whisker(axes, mark.estimate, y, colour)
        axes.text(low - pad, place + 0.30, mark.label, color=INK if mark.role != "muted" else MUTED, va="center")
        axes.text(
            high + pad, y, f"{mark.estimate.value:.3f}", color=colour, va="center", ha="left", clip_on=False,
            fontweight="bold",
        )  # fmt: skip
    _x_axis(axes, "share of held-out pairs ordered as people did")
    said = "; ".join(f"{mark.label} {interval(mark.estimate)}" for mark in marks)
    ceiling_said = "" if ceiling is None else f"; two people agree {interval(ceiling)}"
    return drawn(
        figure,
        f"accuracy-{width}",
        title="How often each judge orders two texts as people did",
        description=f"Dots with 95 % intervals on held-out pairs: {said}{ceiling_said}. A dotted line marks chance, 0.5.",
    )


def curve(turns: Sequence[Turn], *, width: int) -> str:
    """Scores by the reward model and by the independent judge over the KL to the start, in the order of the steps."""
    height = 330 if width == NARROW else 380
    figure, axes = _canvas(width, height, left=44, right=14, top=16, bottom=42)
    ends: dict[str, float] = {}
    for name, colour in (("proxy", PROXY), ("judge", JUDGE)):
        seen = [(turn.kl, score) for turn in turns if (score := getattr(turn, name)) is not None]
        if not seen:
            continue
        axes.plot([kl.value for kl, _ in seen], [each.value for _, each in seen], color=colour, linewidth=1.4, alpha=0.55)
        for kl, score in seen:
            axes.vlines(kl.value, _low(score), _high(score), color=colour, linewidth=1.6, alpha=0.8)
            axes.hlines(score.value, _low(kl), _high(kl), color=colour, linewidth=1.0, alpha=0.35)
        marker = "o" if name == "proxy" else "s"
        axes.plot(
            [kl.value for kl, _ in seen], [each.value for _, each in seen], marker, color=colour,
            markersize=5.5, markeredgecolor=CARD, markeredgewidth=0.8,
        )  # fmt: skip
        ends[name] = seen[-1][1].value
    labels = {"proxy": "reward model it learns from", "judge": "independent judge"}
    _labels(axes, {labels[name]: (ends[name], COLOURS[name]) for name in ends})
    axes.axhline(0, color=LINE, linewidth=1, zorder=0)
    _x_axis(axes, "KL to the start, nats a text")
    _y_axis(axes, 5)
    return drawn(
        figure,
        f"curve-{width}",
        title="What the reward model and the independent judge say along the run",
        description=_curve_said(turns),
    )


def course(each: Course) -> str:
    """One quantity of the training by step, its interval as a band, its last value beside the line."""
    figure, axes = _canvas(NARROW, 176, left=44, right=52, top=12, bottom=36)
    known = [(s, v) for s, v in zip(each.step_S, each.value_S, strict=True) if v is not None]
    if each.low_S is not None and each.high_S is not None:
        nan = float("nan")
        bounds = [[nan if x is None else x for x in side] for side in (each.low_S, each.high_S)]
        axes.fill_between(each.step_S, *bounds, color=JUDGE, alpha=0.2, linewidth=0)
    values = [float("nan") if v is None else v for v in each.value_S]
    axes.plot(each.step_S, values, color=JUDGE, linewidth=1.8, marker="o" if len(known) == 1 else "")
    last_step, last = known[-1]
    axes.annotate(
        f"{last:,.{each.digits}f}", (last_step, last), xytext=(7, 0), textcoords="offset points",
        va="center", color=JUDGE, fontweight="bold", annotation_clip=False,
    )  # fmt: skip
    _x_axis(axes, "step", whole=True)
    _y_axis(axes, 3)
    first = known[0]
    return drawn(
        figure,
        f"course-{each.key}",
        title=f"{each.title} by step",
        description=f"{each.title} ({each.unit}): {first[1]:.{each.digits}f} at step {first[0]}, "
        f"{last:.{each.digits}f} at step {last_step}, between {min(v for _, v in known):.{each.digits}f} "
        f"and {max(v for _, v in known):.{each.digits}f}.",
    )


def _canvas(width: int, height: int, *, left: int, right: int, top: int, bottom: int) -> tuple["Figure", "Axes"]:
    """A figure of so many CSS pixels (a point each) with margins in pixels, and its axes without frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelsize=13, length=3)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    return figure, axes


def _x_axis(axes: "Axes", label: str, *, whole: bool = False) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(4, integer=whole, steps=[1, 2, 5, 10]))
    axes.set_xlabel(label, color=MUTED, fontsize=13, loc="left")


def _y_axis(axes: "Axes", ticks: int) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)


def _whisker(axes: "Axes", estimate: Estimate, y: float, colour: str) -> None:
    axes.hlines(y, _low(estimate), _high(estimate), color=colour, linewidth=2.4)
    axes.plot([estimate.value], [y], "o", color=colour, markersize=8, markeredgecolor=CARD, markeredgewidth=1.2)


def _labels(axes: "Axes", ends: dict[str, tuple[float, str]]) -> None:
    """Names in the colours of their lines, in the upper left, where rising curves leave room; highest line first."""
    for place, (label, (_, colour)) in enumerate(sorted(ends.items(), key=lambda item: -item[1][0])):
        axes.annotate(
            label, (0, 1), xycoords="axes fraction", xytext=(6, -8 - 19 * place), textcoords="offset points",
            color=colour, fontsize=14, fontweight="bold", va="center", annotation_clip=False,
        )  # fmt: skip


def _curve_said(turns: Sequence[Turn]) -> str:
    def at(turn: Turn) -> str:
        parts = [f"KL {interval(turn.kl, 2)} nats"]
        parts += [f"reward model {interval(turn.proxy, 2)}"] if turn.proxy is not None else []
        parts += [f"independent judge {interval(turn.judge, 2)}"] if turn.judge is not None else []
        return f"step {turn.step}: " + ", ".join(parts)

    first, last = turns[0], turns[-1]
    return f"{at(first)}; {at(last)}." if first is not last else f"{at(first)}."


def _low(estimate: Estimate) -> float:
    return estimate.value if estimate.low is None else estimate.low


def _high(estimate: Estimate) -> float:
    return estimate.value if estimate.high is None else estimate.high


