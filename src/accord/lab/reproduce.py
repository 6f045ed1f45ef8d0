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
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from accord.errors import RecipeError, storage
from accord.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "Done", "Mark", "Reproduction", "Result", "concluded", "marks_of", "met", "read_cells", "run_cells"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str
    seed: int


@dataclass(frozen=True)
class Done:
    """How many cells are done, of how many."""

    step: int
    total: int


@dataclass(frozen=True)
class Reproduction:
    """An experiment. `work(arm, seed, short, folder)` must be a function of a module, so that a process can find it.

    `prepare(folder, short)`, one too, makes what several cells build on; it goes on where it was stopped.
    """

    name: str
    question: str
    cells: Callable[[bool], list[Cell]]
    work: Callable[[str, int, bool, Path], Row]
    conclude: Callable[[Sequence[Row]], Mapping[str, Estimate]]
    table: Callable[[Sequence[Row]], str]
    figure: Callable[[Sequence[Row]], "Figure"]
    prepare: Callable[[Path, bool], None] | None = None


@dataclass(frozen=True)
class Mark:
    """What an estimate must be below."""

    name: str
    claim: str
    below: float


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
                {"claim": mark.claim, "estimate": found.to_json(), "mark": mark.below, "met": met(mark, found)}
                for mark, found in self.marks
            ],
        }


def met(mark: Mark, found: Estimate) -> bool:
    """Whether the estimate itself is below the mark; its interval is printed beside it."""
    return found.value < mark.below


def marks_of(name: str) -> list[Mark]:
    """The marks of a reproduction, from the file that is kept with it."""
    content = tomllib.loads((Path(__file__).parent / "marks" / f"{name}.toml").read_text())
    return [Mark(**each) for each in content["marks"]]


def run_cells(
    reproduction: Reproduction, out: Path, *, short: bool = False, processes: int | None = None
) -> Iterator[Done]:
    """Work out what is not done yet, telling after each how many are; leaves `cells.jsonl` in `out`.

    Raises `RecipeError` where `out` holds cells of another reproduction or of another length.
    """
    wanted = reproduction.cells(short)
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
    file = out / "cells.jsonl"
    _drop_cut_line(file)
    done = {(row["arm"], row["seed"]) for row in read_cells(reproduction, out, short=short)}
    left = [cell for cell in wanted if (cell.arm, cell.seed) not in done]
    yield Done(len(wanted) - len(left), len(wanted))
    if not left:
        return
    spawn = get_context("spawn")
    if reproduction.prepare is not None:
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:  # all threads are its own; its memory goes with it
            alone.submit(reproduction.prepare, out, short).result()
    workers = processes or max(1, os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_alone) as pool:
        waiting = {pool.submit(_timed, reproduction.work, cell, short, out): cell for cell in left}
        try:
            for number, future in enumerate(as_completed(waiting), len(wanted) - len(left) + 1):
                row = {"name": reproduction.name, "short": short, **future.result()}
                with storage(file), file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
                yield Done(number, len(wanted))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def read_cells(reproduction: Reproduction, out: Path, *, short: bool) -> list[Row]:
    """The cells that are done, in the order of the reproduction. A last line that was cut off is left out."""
    file = out / "cells.jsonl"
    if not file.is_file():
        return []
    with storage(file):
        lines = file.read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:-1]]
    for row in rows:
        if (row["name"], row["short"]) != (reproduction.name, short):
            length = "short" if row["short"] else "whole"
            raise RecipeError(f"{file}: holds the {length} form of {row['name']}; choose another folder")
    place = {(cell.arm, cell.seed): number for number, cell in enumerate(reproduction.cells(short))}
    kept = {(row["arm"], row["seed"]): row for row in rows if (row["arm"], row["seed"]) in place}
    return [kept[key] for key in sorted(kept, key=lambda key: place[key])]


def _drop_cut_line(file: Path) -> None:
    """Take off what a kill left of a last line."""
    if not file.is_file():
        return
    with storage(file), file.open("r+b") as stream:
        stream.truncate(stream.read().rfind(b"\n") + 1)


def concluded(reproduction: Reproduction, rows: Sequence[Row]) -> Result:
    """The estimates beside their marks."""
    found = reproduction.conclude(rows)
    marks = tuple((mark, found[mark.name]) for mark in marks_of(reproduction.name))
    return Result(reproduction.name, sum(row["seconds"] for row in rows), len({row["seed"] for row in rows}), marks)


def _alone() -> None:
    """A process of its own takes one thread: several stand side by side."""
    import torch

    torch.set_num_threads(1)


def _timed(work: Callable[[str, int, bool, Path], Row], cell: Cell, short: bool, folder: Path) -> Row:
    began = monotonic()
    found = work(cell.arm, cell.seed, short, folder)
    return {"arm": cell.arm, "seed": cell.seed, **found, "seconds": round(monotonic() - began, 2)}
