"""What figures are drawn on, and what several of them draw."""

from typing import TYPE_CHECKING, Any

from accord.report.svg import COLOURS
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "NARROW",
    "NORMAL",
    "RIM",
    "SMALL",
    "WIDE",
    "WIDTHS",
    "high_end",
    "low_end",
    "new_canvas",
    "whisker",
    "x_axis",
    "y_axis",
]

NARROW, WIDE = WIDTHS = (344, 704)  # CSS pixels
MUTED, LINE, CARD = (COLOURS[name] for name in ("muted", "line", "card"))
NORMAL, SMALL = 15, 13.5  # CSS pixels
RIM: dict[str, Any] = {"markeredgecolor": CARD, "markeredgewidth": 1}


def new_canvas(width: int, height: int, *, left: int, right: int, top: int, bottom: int) -> tuple["Figure", "Axes"]:
    """A figure of so many CSS pixels (a point each) with margins in pixels, and its axes without frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelsize=SMALL, length=3)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    return figure, axes


def x_axis(axes: "Axes", label: str, *, whole: bool = False) -> None:
    """Four ticks or so, and the label as it is written: `$` begins no formula."""
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_xlim()
    if whole and high - low < 1:  # a single step, whose place has no range
        axes.set_xlim((low + high) / 2 - 0.6, (low + high) / 2 + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=whole, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel(label, color=MUTED, fontsize=SMALL, loc="left", parse_math=False)


def y_axis(axes: "Axes", ticks: int, *, least: float = 0.0) -> None:
    """So many ticks or so, each written whole in a few digits, over a range of at least `least`.

    Of numbers that hardly differ an axis would otherwise show their rounding, as if it were a course.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = axes.get_ylim()
    if high - low < least:
        middle = (low + high) / 2
        axes.set_ylim(middle - least / 2, middle + least / 2)
    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", "\N{MINUS SIGN}")))
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)


def whisker(axes: "Axes", estimate: Estimate, y: float, colour: str) -> None:
    axes.hlines(y, low_end(estimate), high_end(estimate), color=colour, linewidth=2.6)
    axes.plot([estimate.value], [y], "o", color=colour, markersize=9, **RIM)


def low_end(estimate: Estimate) -> float:
    return estimate.value if estimate.low is None else estimate.low


def high_end(estimate: Estimate) -> float:
    return estimate.value if estimate.high is None else estimate.high
