"""Curves of somebody's work over time, as places on a small drawing that a template writes as SVG.

Nothing of it carries a style of its own, which the pages' content security policy would refuse.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from accord.collect.desk.agreement import CurvePoint

__all__ = ["Curve", "Dot", "Tick", "curves_of"]

WIDTH, HEIGHT = 400.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 26.0
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Dot:
    """A point of a curve at its place, and what it says in words."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Tick:
    """A line across at its height, and its number."""

    y: float
    label: str


@dataclass(frozen=True)
class Curve:
    """A curve: `line` are the places of its dots as SVG writes them; where a value is missing it has a gap, and there
    are several. `first` and `last` are the days at its ends."""

    title: str
    lines: tuple[str, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    first: str
    last: str
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT


def curves_of(points: Sequence[CurvePoint]) -> list[Curve]:
    """The curves of time and of agreement; one that has fewer than two points is left out."""
    times = [
        None if one.seconds is None else (one.seconds, f"{one.seconds:.0f} s, median of {one.n}") for one in points
    ]
    shares = [
        None if one.agreement is None else (one.agreement, f"{one.agreement:.0%} of {one.compared} comparisons")
        for one in points
    ]
    top = _above(max((value for value, _ in filter(None, times)), default=1.0))
    curves = (
        _curve("Seconds an answer takes", points, times, top, "{:.0f} s"),
        _curve("Agreement with others", points, shares, 1.0, "{:.0%}"),
    )
    return [curve for curve in curves if curve is not None]


def _curve(
    title: str, points: Sequence[CurvePoint], values: Sequence[tuple[float, str] | None], top: float, form: str
) -> Curve | None:
    if sum(value is not None for value in values) < 2:
        return None
    inner = WIDTH - LEFT - RIGHT
    dots = [
        None if value is None else Dot(LEFT + inner * place / (len(values) - 1), _height(value[0], top), value[1])
        for place, value in enumerate(values)
    ]
    days = [f"{point.until:%Y-%m-%d}" for point in points]
    ticks = tuple(Tick(_height(share * top, top), form.format(share * top)) for share in (0.0, 0.5, 1.0))
    shown = tuple(
        Dot(round(dot.x, 1), round(dot.y, 1), f"{day}: {dot.words}")
        for dot, day in zip(dots, days, strict=True)
        if dot is not None
    )
    return Curve(title, tuple(_lines(dots)), shown, ticks, days[0], days[-1])


def _lines(dots: Sequence[Dot | None]) -> list[str]:
    lines: list[list[str]] = [[]]
    for dot in dots:
        if dot is None:
            lines.append([])
        else:
            lines[-1].append(f"{dot.x:.1f},{dot.y:.1f}")
    return [" ".join(line) for line in lines if len(line) > 1]


def _height(value: float, top: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)


def _above(value: float) -> float:
    """A round number that no value exceeds."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in STEPS if step * power >= value)
