"""The figures of a judge's card: a dot and an interval a row, beside the value at which there would be nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

from accord.report.canvas import NORMAL, high_end, low_end, new_canvas, whisker, x_axis
from accord.report.svg import COLOURS, own_style, render_svg
from accord.report.words import clean, interval, signed
from accord.stats import Estimate

__all__ = ["Line", "lines"]

LONGEST = 44  # characters of a label


@dataclass(frozen=True)
class Line:
    """A row of a figure; `role` is a colour: `proxy`, `judge` or `muted`."""

    label: str
    estimate: Estimate
    role: str


@own_style()
def lines(
    rows: Sequence[Line], *, width: int, key: str, title: str, axis: str, nothing: float, with_sign: bool = False
) -> str:
    """Rows from top to bottom; `nothing` is dotted: chance, or no effect. `with_sign` writes values as changes."""
    step, top, bottom = 46, 8, 46
    height = top + step * len(rows) + bottom
    figure, axes = new_canvas(width, height, left=4, right=64, top=top, bottom=bottom)
    estimates = [row.estimate for row in rows]
    low, high = min(nothing, *map(low_end, estimates)), max(nothing, *map(high_end, estimates))
    pad = max(0.01, 0.04 * (high - low))
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(len(rows), 0)
    for place, row in enumerate(rows):
        colour, y = COLOURS[row.role], place + 0.72
        axes.vlines(nothing, y - 0.2, y + 0.24, color=COLOURS["muted"], linewidth=1.4, linestyle=(0, (1, 2)))
        whisker(axes, row.estimate, y, colour)
        axes.text(
            low - pad, place + 0.32, _short(row.label), color=colour, va="center", fontsize=NORMAL, parse_math=False
        )
        value = signed(row.estimate.value) if with_sign else f"{row.estimate.value:.3f}"
        axes.annotate(
            value,
            (high + pad, y),
            xytext=(8, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=NORMAL,
            fontweight="bold",
            annotation_clip=False,
        )
    x_axis(axes, axis)
    told = "; ".join(f"{_short(row.label)} {interval(row.estimate)}" for row in rows)
    return render_svg(figure, f"{key}-{width}", title=title, description=f"Dots with 95 % intervals, {axis}: {told}.")


def _short(label: str) -> str:
    """On one line, without marks that turn the direction of what stands behind it."""
    text = " ".join("".join(letter for letter in clean(label) if category(letter) != "Cf").split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
