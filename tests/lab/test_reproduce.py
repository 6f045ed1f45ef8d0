"""The runner of reproductions: cells are kept, marks are held against what came out, and a folder is one run's."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accord.errors import RecipeError
from accord.lab.cell import Cell, CellResult
from accord.lab.cell_runner import read_cells, run_cells
from accord.lab.exact_optimum import EXACT_OPTIMUM
from accord.lab.exact_optimum.cells import Point
from accord.lab.exact_optimum.report import conclude
from accord.lab.exact_optimum.training import METHODS
from accord.lab.mark import read_marks
from accord.lab.reproduce import result_of
from accord.lab.reproductions import REPRODUCTIONS

FEW = replace(EXACT_OPTIMUM, cells=lambda short: [Cell("best-of-n", seed) for seed in range(3)])


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "cells.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all cells are done."""
    folder = tmp_path_factory.mktemp("reproduced") / "few"
    assert [done.step for done in run_cells(FEW, folder, short=True, processes=1)] == [0, 1, 2, 3]
    return folder


def test_what_is_done_is_not_done_again(finished: Path, tmp_path: Path) -> None:
    """A line that a kill cut off is worked out again, the others are kept as they are."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    first = rows_of(tmp_path)
    text = (tmp_path / "cells.jsonl").read_text()
    (tmp_path / "cells.jsonl").write_text(text[: -len(text.splitlines()[-1]) // 2])
    assert [done.step for done in run_cells(FEW, tmp_path, short=True, processes=1)] == [2, 3]
    again = {
        cell.seed: cell.model_dump(mode="json", exclude_none=True)["measurements"]
        for cell in read_cells(FEW, tmp_path, short=True)
    }
    assert again == {row["seed"]: row["measurements"] for row in first}
    assert [done.step for done in run_cells(FEW, tmp_path, short=True)] == [3]


def test_a_folder_is_one_runs(finished: Path) -> None:
    with pytest.raises(RecipeError, match="holds the short form of exact-optimum; choose another folder"):
        list(run_cells(FEW, finished, short=False, processes=1))


@pytest.mark.parametrize("name", REPRODUCTIONS.names)
def test_every_reproduction_has_its_marks_and_a_question(name: str) -> None:
    assert REPRODUCTIONS.get(name).question.endswith("?")
    assert read_marks(name)


def point(beta: float, gap: float) -> Point:
    return Point(beta=beta, gap=gap, best_reward=0.1, best_kl=0.0, reward=0.0, kl=0.0, excess=-0.1, entropy=1.0)


def cell(arm: str, seed: int, *points: Point) -> CellResult[Point]:
    return CellResult[Point](name="exact-optimum", short=False, arm=arm, seed=seed, seconds=1.0, measurements=points)


def test_the_worst_beta_is_what_is_judged_and_small_ones_are_not() -> None:
    bad, results = [0.9, 0.9], []
    for seed in range(2):
        for method in ("rloo", "reinforce", "reinforce++", "ppo", "grpo", "dpo"):
            points = [point(0.1, bad[seed]), point(0.2, 0.01 * (seed + 1)), point(1.0, 0.001)]
            results.append(cell(method, seed, *points))
        best_of_2 = Point(n=2, kl=0.19, reward=0.0, excess=0.2 * seed, entropy=1.0)
        results.append(cell("best-of-n", seed, best_of_2))
    estimates = conclude(results)
    assert estimates["rloo"].value == pytest.approx(0.015)
    assert estimates["frontier"].value == pytest.approx(0.2)
    assert estimates["best-of-n"].value == pytest.approx(0.19 - (0.6931471805599453 - 0.5))
    result = result_of(EXACT_OPTIMUM, results)
    met = {mark["claim"]: mark["met"] for mark in result.to_json()["marks"]}
    assert [value for claim, value in met.items() if claim.startswith("RLOO")] == [False]
    assert [value for claim, value in met.items() if claim.startswith("no policy")] == [False]
    assert [value for claim, value in met.items() if claim.startswith("best of n")] == [True]
    assert (estimates["frontier"].low, estimates["frontier"].high) == (estimates["frontier"].value,) * 2  # no sample
    assert result.seeds == 2
    assert EXACT_OPTIMUM.table(results).count("\n") == 11  # and those that have no beta
    left, right = EXACT_OPTIMUM.figure(results).axes
    assert len(left.lines) == 6 + 1
    assert [line.get_label() for line in right.lines][:7] == [*METHODS, "exact optimum"]
