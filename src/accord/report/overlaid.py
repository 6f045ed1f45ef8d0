"""Courses of several runs over one another: a line a run, told apart by colour, mark and dash, named above the plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accord.report.canvas import NARROW, NORMAL, RIM, new_canvas, x_axis, y_axis
from accord.report.svg import COLOURS, own_style, render_svg

__all__ = ["MOST", "Course", "overlaid"]

_COLOURS = ("judge", "proxy", "ink", "muted")
_DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1, 1.5)))
_MARKS = (("o", "\N{BLACK CIRCLE}"), ("s", "\N{BLACK SQUARE}"), ("^", "\N{BLACK UP-POINTING TRIANGLE}"))
MOST = len(_COLOURS) * len(_DASHES)
"""Runs that can be told apart in one drawing."""


@dataclass(frozen=True)
class Course:
    """A quantity of the run with this place among the runs, and the letter that it is called by.

    x_S and y_S are its points in the order of the steps; low_S and high_S their intervals, None where there is none.
    """

    place: int
    letter: str
    x_S: tuple[float, ...]
    y_S: tuple[float, ...]
    low_S: tuple[float | None, ...] | None = None
    high_S: tuple[float | None, ...] | None = None


@own_style()
def overlaid(
    courses: Sequence[Course], *, key: str, title: str, axis: str, digits: int = 2, whole: bool = False
) -> str:
    """The courses as one drawing; `axis` names what they are over, in whole numbers where `whole`.

    Raises `ValueError` for more runs than can be told apart.
    """
    if any(course.place >= MOST for course in courses):
        raise ValueError(f"{MOST} runs can be told apart in one drawing, not more")
    figure, axes = new_canvas(NARROW, 220, left=48, right=14, top=34, bottom=42)
    for number, course in enumerate(courses):
        name, dash, (marker, sign) = _style(course.place)
        colour = COLOURS[name]
        if course.low_S is not None and course.high_S is not None:
            nan = float("nan")
            low_S, high_S = ([nan if x is None else x for x in side] for side in (course.low_S, course.high_S))
            axes.fill_between(course.x_S, low_S, high_S, color=colour, alpha=0.14, linewidth=0)
        shown = marker if len(course.x_S) <= 12 else ""
        axes.plot(
            course.x_S, course.y_S, color=colour, linestyle=dash, linewidth=1.8, marker=shown, markersize=6, **RIM
        )
        at: dict[str, Any] = {
            "xycoords": "axes fraction",
            "textcoords": "offset points",
            "va": "center",
            "annotation_clip": False,
        }
        axes.annotate(
            f"{sign} {course.letter}", (0, 1), xytext=(46 * number - 40, 20), color=colour, fontsize=NORMAL,
            fontweight="bold", **at,
        )  # fmt: skip
    x_axis(axes, axis, whole=whole)
    y_axis(axes, 4, least=4 * 10**-digits)
    told = "; ".join(
        f"{one.letter}: {one.y_S[0]:.{digits}f} at first, {one.y_S[-1]:.{digits}f} at last" for one in courses
    )
    return render_svg(figure, key, title=title, description=f"{title}, over {axis}. {told}.")


def _style(place: int) -> tuple[str, Any, tuple[str, str]]:
    return _COLOURS[place % len(_COLOURS)], _DASHES[place // len(_COLOURS)], _MARKS[place % len(_MARKS)]
