"""Reproductions: an experiment with a question, marks set before its first result, and an answer either way.

A reproduction is a list of cells (an arm and a seed each), a function that works one cell out, and what is concluded
from all of them. Cells that are done are kept, a line each, so that a run that was stopped goes on; they are worked out
in processes of their own.
"""

import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from accord.errors import RecipeError, storage
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Cell",
    "CellResult",
    "Done",
    "Mark",
    "Measurement",
    "Reproduction",
    "Result",
    "read_cells",
    "read_marks",
    "read_seeds",
    "result_of",
    "run_cells",
]


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str
    seed: int


class Measurement(BaseModel):
    """What is measured of one policy; each reproduction has a subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


M = TypeVar("M", bound=Measurement)


class CellResult(BaseModel, Generic[M]):
    """A line of `cells.jsonl`: a cell of a reproduction in its short or whole form, and what was measured there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    short: bool
    arm: str
    seed: int
    seconds: float
    measurements: tuple[M, ...]


@dataclass(frozen=True)
class Done:
    """How many cells are done, of how many."""

    step: int
    total: int


@dataclass(frozen=True)
class Reproduction(Generic[M]):
    """An experiment. `work(arm, seed, short, folder)` must be a function of a module, so that a process can find it.

    `prepare(folder, short)`, one too, makes what several cells build on; it goes on where it was stopped.
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

    def on_seeds(self, seeds: range) -> "Reproduction[M]":
        """The same arms on other seeds."""

        def cells(short: bool) -> list[Cell]:
            arms = dict.fromkeys(cell.arm for cell in self.cells(short))
            return [Cell(arm, seed) for seed in seeds for arm in arms]

        return replace(self, cells=cells)


@dataclass(frozen=True)
class Mark:
    """What an estimate must be below."""

    name: str
    claim: str
    below: float

    def is_met_by(self, estimate: Estimate) -> bool:
        """Whether the value itself is below the mark; its interval is printed beside it."""
        return estimate.value < self.below


@dataclass(frozen=True)
class Result:
    """What came out: the estimates beside their marks, the seconds all cells took together, and how many seeds."""

    name: str
    seconds: float
    seeds: int
    marks: tuple[tuple[Mark, Estimate], ...]

    def to_json(self) -> dict[str, Any]:
        """As `accord lab run --json` prints it."""
        return {
            "name": self.name,
            "seconds": round(self.seconds, 1),
            "seeds": self.seeds,
            "marks": [
                {
                    "claim": mark.claim,
                    "estimate": estimate.to_json(),
                    "mark": mark.below,
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


def read_marks(name: str) -> list[Mark]:
    """The marks of a reproduction, from `marks/<name>.toml`."""
    content = tomllib.loads((Path(__file__).parent / "marks" / f"{name}.toml").read_text())
    return [Mark(**mark) for mark in content["marks"]]


def run_cells(
    reproduction: Reproduction[M], out: Path, *, short: bool = False, processes: int | None = None
) -> Iterator[Done]:
    """Work out the cells that are not done yet; yields after each how many are done. Leaves `cells.jsonl` in `out`.

    Raises `RecipeError` where `out` holds cells of another reproduction or of another length.
    """
    cells = reproduction.cells(short)
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
    file = out / "cells.jsonl"
    _drop_cut_line(file)
    done = {(cell.arm, cell.seed) for cell in read_cells(reproduction, out, short=short)}
    pending = [cell for cell in cells if (cell.arm, cell.seed) not in done]
    yield Done(len(cells) - len(pending), len(cells))
    if not pending:
        return
    spawn = get_context("spawn")
    if reproduction.prepare is not None:
        with ProcessPoolExecutor(1, mp_context=spawn) as single:  # all threads are its own; its memory goes with it
            single.submit(reproduction.prepare, out, short).result()
    workers = processes or max(1, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_single_thread) as pool:
        futures = {pool.submit(_timed, reproduction.work, cell, short, out): cell for cell in pending}
        try:
            for number, future in enumerate(as_completed(futures), len(cells) - len(pending) + 1):
                result = _result(reproduction, futures[future], short, *future.result())
                with storage(file), file.open("a", encoding="utf-8") as stream:
                    stream.write(result.model_dump_json(exclude_none=True) + "\n")
                yield Done(number, len(cells))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def read_cells(reproduction: Reproduction[M], out: Path, *, short: bool) -> list[CellResult[M]]:
    """The cells that are done, in the order of the reproduction. A last line that was cut off is left out.

    Raises `RecipeError` where the lines are of another reproduction, or of its other form.
    """
    file = out / "cells.jsonl"
    if not file.is_file():
        return []
    with storage(file):
        lines = file.read_text(encoding="utf-8").split("\n")
    by_cell: dict[tuple[str, int], CellResult[M]] = {}
    for number, line in enumerate(lines[:-1], 1):
        _check_form(line, reproduction.name, short, f"{file}:{number}")
        cell = reproduction.record.model_validate_json(line)
        by_cell[cell.arm, cell.seed] = cell
    cells = [(cell.arm, cell.seed) for cell in reproduction.cells(short)]
    return [by_cell[cell] for cell in cells if cell in by_cell]


def _check_form(line: str, name: str, short: bool, place: str) -> None:
    """Raise `RecipeError` where a line is not of this reproduction in this form."""
    content = json.loads(line)
    if (content["name"], content["short"]) != (name, short):
        length = "short" if content["short"] else "whole"
        raise RecipeError(f"{place}: holds the {length} form of {content['name']}; choose another folder")


def _drop_cut_line(file: Path) -> None:
    """Take off what a kill left of a last line."""
    if not file.is_file():
        return
    with storage(file), file.open("r+b") as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)


def result_of(reproduction: Reproduction[M], results: Sequence[CellResult[M]]) -> Result:
    """The estimates beside their marks."""
    estimates = reproduction.conclude(results)
    marks = tuple((mark, estimates[mark.name]) for mark in read_marks(reproduction.name))
    seconds = sum(cell.seconds for cell in results)
    return Result(reproduction.name, seconds, len({cell.seed for cell in results}), marks)


def _single_thread() -> None:
    """One thread a process: several processes stand side by side."""
    import torch

    torch.set_num_threads(1)


def _timed(
    work: Callable[[str, int, bool, Path], list[M]], cell: Cell, short: bool, folder: Path
) -> tuple[list[M], float]:
    """What is measured in a cell, and the seconds it took."""
    start = monotonic()
    measurements = work(cell.arm, cell.seed, short, folder)
    return measurements, round(monotonic() - start, 2)


def _result(
    reproduction: Reproduction[M], cell: Cell, short: bool, measurements: list[M], seconds: float
) -> CellResult[M]:
    return reproduction.record(
        name=reproduction.name,
        short=short,
        arm=cell.arm,
        seed=cell.seed,
        seconds=seconds,
        measurements=tuple(measurements),
    )
