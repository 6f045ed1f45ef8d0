"""Reproductions: an experiment with a question, marks set before its first result, and an answer either way.

A reproduction is a list of cells (an arm and a seed each), a function that works one cell out, and what is concluded
from all of them. Cells that are done are kept, a line each (`cell_lines`), so that a run that was stopped goes on; they
are worked out in processes of their own (`cell_runner`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from accord.errors import RecipeError
from accord.lab.cell import Cell, CellResult, Measurement
from accord.lab.mark import Mark, read_marks
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MANY", "Reproduction", "Result", "every_arm", "read_seeds", "result_of"]

M = TypeVar("M", bound=Measurement)
MANY = 20  # marks that are printed one by one


def every_arm(seeds: range, arms: Sequence[str]) -> list[Cell]:
    """Every arm on every seed."""
    return [Cell(arm, seed) for seed in seeds for arm in arms]


@dataclass(frozen=True)
class Reproduction(Generic[M]):
    """An experiment. `work(arm, seed, short, folder)` must be a function of a module, so that a process can find it.

    `prepare(folder, short)`, one too, makes what several cells build on; it goes on where it was stopped. `deal` gives
    the cells of some seeds. `reads` are files beside the code that cells depend on; `extensions` are the user's own
    code, which each process loads.
    """

    name: str
    question: str
    cells: Callable[[bool], list[Cell]]
    record: type[CellResult[M]]
    work: Callable[[str, int, bool, Path], list[M]]
    conclude: Callable[[Sequence[CellResult[M]]], Mapping[str, Estimate]]
    table: Callable[[Sequence[CellResult[M]]], str]
    figure: Callable[[Sequence[CellResult[M]]], "Figure"]
    prepare: Callable[[Path, bool], None] | None = None
    deal: Callable[[range, Sequence[str]], list[Cell]] = every_arm
    reads: tuple[Path, ...] = ()
    extensions: tuple[Path, ...] = ()

    def on_seeds(self, seeds: range) -> "Reproduction[M]":
        """The same arms on other seeds."""

        def cells(short: bool) -> list[Cell]:
            return self.deal(seeds, list(dict.fromkeys(cell.arm for cell in self.cells(short))))

        return replace(self, cells=cells)


@dataclass(frozen=True)
class Result:
    """What came out: the estimates beside their marks, the seconds all cells took together, and how many seeds."""

    name: str
    seconds: float
    seeds: int
    marks: tuple[tuple[Mark, Estimate], ...]

    def lines(self) -> list[str]:
        """As `accord lab run` prints the marks: all of them, or of more than twenty those that are missed."""
        missed = [mark.line(estimate) for mark, estimate in self.marks if not mark.is_met_by(estimate)]
        if len(self.marks) <= MANY:
            return [mark.line(estimate) for mark, estimate in self.marks]
        return [*missed, f"{len(self.marks) - len(missed)} of {len(self.marks)} marks are met (--json prints all)"]

    def to_json(self) -> dict[str, Any]:
        """As `accord lab run --json` prints it."""
        return {
            "name": self.name,
            "seconds": round(self.seconds, 1),
            "seeds": self.seeds,
            "marks": [
                {
                    "name": mark.name,
                    "claim": mark.claim,
                    "estimate": estimate.to_json(),
                    "mark": mark.limit,
                    "side": mark.side,
                    "by": mark.by,
                    "met": mark.is_met_by(estimate),
                }
                for mark, estimate in self.marks
            ],
        }


def read_seeds(text: str) -> range:
    """`A:B` as the seeds A to B - 1. Raises `RecipeError` where it is something else, or holds no seed."""
    first, _, last = text.partition(":")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise RecipeError(f"--seeds {text}: not A:B with A below B, such as 0:20 for the seeds 0 to 19")
    return range(int(first), int(last))


def result_of(reproduction: Reproduction[M], results: Sequence[CellResult[M]]) -> Result:
    """The estimates beside their marks."""
    estimates = reproduction.conclude(results)
    marks = tuple(pair for mark in read_marks(reproduction.name) for pair in mark.matched(estimates))
    seconds = sum(cell.seconds for cell in results)
    return Result(reproduction.name, seconds, len({cell.seed for cell in results}), marks)
