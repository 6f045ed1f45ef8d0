"""The quality of feedback for a terminal."""

from typing import TYPE_CHECKING

from accord.feedback.quality.evaluators import Number
from accord.feedback.quality.measure import Quality
from accord.report.quality import words
from accord.report.quality.content import parts_of
from accord.report.words import clean
from accord.stats import Estimate

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["print_quality"]

ROWS = 20
SHOWN = ("one_coin", "agreement", "control", "retest", "left", "too_fast")


def print_quality(quality: Quality, console: "Console", floor: Number | None = None) -> None:
    """The headline, the evaluators to look at first, and the other sections in sentences and tables."""
    console.print(clean(words.headline(quality)), markup=False, highlight=False)
    if quality.evaluators:
        _print_evaluators(quality, console)
    for part in parts_of(quality, floor)[2:]:
        console.print(f"\n{part.heading}", style="bold", markup=False, highlight=False)
        for sentence in (*part.section.sentences, *part.section.missing):
            console.print(clean(sentence), markup=False, highlight=False)
        for grid in part.section.grids:
            _print_grid(grid.caption, grid.head, grid.rows, console)


def _print_evaluators(quality: Quality, console: "Console") -> None:
    rows = [
        (f"{words.evaluator_name(one)}\n{one.standing or 'not known'}", f"{one.answers:,}", *map(_cell, values))
        for one in quality.evaluators[:ROWS]
        for values in [[one.numbers[name] for name in SHOWN]]
    ]
    head = ("evaluator", "answers", *(words.HEADINGS[name] for name in SHOWN))
    more = len(quality.evaluators) - len(rows)
    caption = "each number with its n and its 95 % interval" + (f"; {more:,} more evaluators by --json" if more else "")
    _print_grid(caption, head, rows, console)


def _cell(value: Number) -> str:
    if not isinstance(value, Estimate):
        return "\N{EN DASH}"
    ends = "" if value.low is None or value.high is None else f"\n[{_short(value.low)}, {_short(value.high)}]"
    return f"{_short(value.value)} of {value.n:,}{ends}"


def _short(value: float) -> str:
    """`.83`, so that an interval fits into a column."""
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3g}"


def _print_grid(
    caption: str, head: tuple[str, ...], rows: "list[tuple[str, ...]] | tuple[tuple[str, ...], ...]", console: "Console"
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(clean(caption)), title_justify="left", title_style="italic", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in head:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    console.print(table)
