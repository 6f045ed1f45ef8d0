"""A view on one screen of a terminal."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from accord.report.words import clean, duration, interval, memory
from accord.watch.series import Point, Series
from accord.watch.stage_table import StageRow
from accord.watch.view import RunView

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["render_view", "sparkline"]

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 24  # of a curve, in characters
TEXT = 100  # characters of a sample
COLOURS = {"running": "green", "waits": "yellow", "stopped": "red", "damaged": "red", "ended": "cyan", "empty": "dim"}


def render_view(view: RunView) -> "RenderableType":
    """State, stages, the newest numbers of each stage that trains, a few samples, the audit."""
    from rich.console import Group

    return Group(*_parts(view))


def _parts(view: RunView) -> Iterator["RenderableType"]:
    from rich.text import Text

    state = view.state
    head = Text(f"{clean(view.name)}  ", style="bold")
    if view.place.name:
        head.append(f"{clean(view.place.name)}  ", style="bold")
    head.append(state.word, style=f"bold {COLOURS[state.kind]}")
    head.append(f"  {duration(view.seconds)}", style="dim")
    yield head
    yield Text(clean(state.words))
    yield from (Text(f"problem: {clean(problem)}", style="red") for problem in view.snapshot.problems)
    if view.rounds:
        yield _rounds(view)
    if view.stages:
        yield _stages(view.stages)
    for training in view.training:
        yield _training(training.stage, training.main)
    for count in view.labels:
        given = "" if count.answered is None else f", {count.answered:,} given"
        yield Text(f"labels of {count.section}: {count.requested:,} of {count.budget:,} asked for{given}")
    yield from (Text(f"{clean(each.name)}: {interval(each.estimate)}") for each in view.measures)
    yield from _samples(view)
    if view.verdicts:
        yield Text(f"audit: {view.verdicts}")


def _stages(rows: Sequence[StageRow]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("stage", "state", "step", "time", "left", "goes", "memory"):
        table.add_column(name, justify="right" if name in {"step", "time", "left", "goes", "memory"} else "left")
    for row in rows:
        table.add_row(
            Text(clean(row.name)),
            row.state,
            step_words(row),
            "" if row.seconds is None else duration(row.seconds),
            "" if row.left is None else duration(row.left),
            f"{row.goes}" if row.goes > 1 else "",
            memory(row.memory, row.gpu_memory),
        )
    return table


def step_words(row: StageRow) -> str:
    """`12 of 40`, or as much of it as is known."""
    if row.step is None:
        return "" if row.total is None else f"0 of {row.total:,}"
    return f"{row.step:,}" if row.total is None or row.state == "done" else f"{row.step:,} of {row.total:,}"


def _training(stage: str, series: Sequence[Series]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (clean(stage), "first", "last", ""):
        table.add_column(name, justify="left" if name in {clean(stage), ""} else "right")
    for one in series:
        first, last = (f"{point.y:,.{one.digits}f}" for point in (one.points[0], one.last))
        table.add_row(Text(clean(one.title)), first, last, sparkline(one.points))
    return table


def _rounds(view: RunView) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("round", "state", "step", "reward", "KL", "win rate", "gain", "labels", "time"):
        table.add_column(name, justify="left" if name in {"round", "state"} else "right")
    for row in view.rounds:
        table.add_row(
            Text(clean(row.place.words), style="bold" if row.place == view.place else ""),
            row.state.word,
            "" if row.step is None else f"{row.step:,}",
            "" if row.reward is None else f"{row.reward:.3f}",
            "" if row.kl is None else f"{row.kl:.2f}",
            "" if row.win_rate is None else interval(row.win_rate, 2),
            "" if row.gain is None else interval(row.gain, 2),
            "" if row.labels is None else f"{row.labels:,}",
            duration(row.seconds),
        )
    return table


def _samples(view: RunView) -> Iterator["RenderableType"]:
    from rich.text import Text

    for prompt in view.snapshot.samples[:2]:
        yield Text(f"“{_short(prompt.text)}”", style="dim")
        for sample in prompt.samples[-1:]:
            scores = ", ".join(f"{clean(name)} {value:.2f}" for name, value in sample.scores.items())
            yield Text(f"  step {sample.step}: {_short(sample.text)}  ({scores})")


def _short(text: str) -> str:
    plain = clean(" ".join(text.split()))
    return plain if len(plain) <= TEXT else plain[: TEXT - 1].rstrip() + "…"


def sparkline(points: Sequence[Point]) -> str:
    """The course as a row of bars, each the mean of a stretch."""
    size = max(1, -(-len(points) // WIDTH))
    means = [
        sum(point.y for point in points[begin : begin + size]) / len(points[begin : begin + size])
        for begin in range(0, len(points), size)
    ]
    low, high = min(means), max(means)
    if high == low:
        return BARS[0] * len(means)
    return "".join(BARS[min(7, int(8 * (mean - low) / (high - low)))] for mean in means)
