"""Curves as places on a small drawing that a template writes as SVG.

Nothing of it carries a style of its own, which the page's content security policy would refuse; the sheet has the
colours, so that a drawing follows light and dark with the rest.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accord.report.words import duration
from accord.watch.series import Over, Point, Series

__all__ = ["Drawing", "Size", "Tick", "draw"]

WIDTH, HEIGHT = 340.0, 180.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 10.0, 36.0
DOTS = 24  # up to so many points each has a dot


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and its number."""

    at: float
    label: str


@dataclass(frozen=True)
class Size:
    """A drawing's own size, and where its axes are: from `left` to `right`, down to `floor`."""

    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    floor: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Drawing:
    """A series drawn: `line`, `mean` and `judge` are places as SVG writes them, `band` the outline of its interval.

    dots        drawn for themselves where there are few, and over the KL, where steps may go back and forth
    words       it in a sentence, for whoever does not see it
    header      what the rows of the table beside it are
    table       some of its numbers: step, place on the axis, value
    """

    title: str
    unit: str
    last: str
    words: str
    axis: str
    line: str
    mean: str
    band: str
    judge: str
    judge_last: str
    dots: tuple[tuple[float, float, str], ...]
    ticks_x: tuple[Tick, ...]
    ticks_y: tuple[Tick, ...]
    window: int
    header: tuple[str, ...]
    table: tuple[tuple[str, ...], ...]
    size: Size = Size()


@dataclass(frozen=True)
class _Axes:
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        return (
            round(LEFT + (WIDTH - LEFT - RIGHT) * (x - self.x[0]) / (self.x[1] - self.x[0]), 1),
            round(TOP + (HEIGHT - TOP - BOTTOM) * (self.y[1] - y) / (self.y[1] - self.y[0]), 1),
        )

    def line(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in points))


def draw(series: Series, over: Over) -> Drawing:
    """The drawing of a series."""
    axes = _axes(series)
    points = series.points
    plain = [(point.x, point.y) for point in points]
    dotted = over == "kl" or len(series.points) <= DOTS
    dots = tuple(
        (*axes.place(point.x, point.y), f"step {point.step:,}: {_number(point.y, series.digits)}")
        for point in (points if dotted else ())
    )
    last = _number(series.last.y, series.digits)
    judge_last = _number(series.judge[-1].y, series.digits) if series.judge else ""
    header, table = _table(series, over)
    return Drawing(
        title=series.title,
        unit=series.unit,
        last=last,
        words=_words(series),
        axis={"step": "step", "kl": "KL to the start, nats a text", "time": "time of the stage"}[over],
        line="" if over == "kl" and series.smooth else axes.line(plain),
        mean=axes.line((point.x, point.y) for point in series.smooth),
        band=_band(axes, points),
        judge=axes.line((point.x, point.y) for point in series.judge),
        judge_last=judge_last,
        dots=dots,
        ticks_x=tuple(Tick(axes.place(x, axes.y[0])[0], _label(x, over)) for x in _ticks(*axes.x, 4)),
        ticks_y=tuple(Tick(axes.place(axes.x[0], y)[1], f"{y:.6g}") for y in _ticks(*axes.y, 5)),
        window=series.window,
        header=header,
        table=table,
    )


def _axes(series: Series) -> _Axes:
    points = (*series.points, *series.judge)
    y = [value for point in series.points for value in (point.y, point.low, point.high) if value is not None]
    y += [point.y for point in series.judge]
    return _Axes(_range([point.x for point in points], 0.0), _range(y, 0.06, least=2 * 10.0**-series.digits))


def _range(values: Sequence[float], pad: float, *, least: float = 0.0) -> tuple[float, float]:
    """From the lowest to the highest and a little more; never nothing, so that rounding does not look like a course."""
    low, high = min(values), max(values)
    span = high - low
    if span < max(least, 1e-12 * max(abs(low), abs(high))) or span == 0:
        half = max(least, 1e-3 * max(abs(low), abs(high)), 1e-9) / 2 if least else 0.5
        middle = (low + high) / 2
        return middle - half, middle + half
    return low - pad * span, high + pad * span


def _ticks(low: float, high: float, number: int) -> list[float]:
    """Round numbers between two, some `number` of them."""
    rough = (high - low) / number
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _label(x: float, over: Over) -> str:
    return duration(x) if over == "time" else f"{x:,.6g}"


def _number(value: float, digits: int) -> str:
    """With its digits; what would round to nothing as a power of ten."""
    if value and abs(value) < 0.5 * 10.0**-digits:
        return f"{value:.2g}"
    return f"{value:,.{digits}f}"


def _band(axes: _Axes, points: Sequence[Point]) -> str:
    known = [(point.x, point.low, point.high) for point in points if point.low is not None and point.high is not None]
    if len(known) < 2:
        return ""
    there = [(x, high) for x, _, high in known]
    return axes.line(there + [(x, low) for x, low, _ in reversed(known)])


def _words(series: Series) -> str:
    first, last, digits = series.points[0], series.last, series.digits
    y = [point.y for point in series.points]
    unit = f" ({series.unit})" if series.unit else ""
    return (
        f"{series.title}{unit}: {_number(first.y, digits)} at step {first.step:,}, {_number(last.y, digits)} at step "
        f"{last.step:,}, between {_number(min(y), digits)} and {_number(max(y), digits)}."
    )


def _table(series: Series, over: Over) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """A row for each of some points, evenly spaced."""
    judged = {point.step: point for point in series.judge}
    header = ["step", *([] if over == "step" else ["KL" if over == "kl" else "time"]), series.title.lower()]
    header += ["independent judge"] if judged else []
    rows = []
    for point in series.spread:
        place = [] if over == "step" else [duration(point.x) if over == "time" else f"{point.x:,.2f}"]
        judge = judged.get(point.step)
        said = [] if not judged else ["–" if judge is None else _number(judge.y, series.digits)]
        rows.append((f"{point.step:,}", *place, _number(point.y, series.digits), *said))
    return tuple(header), tuple(rows)
