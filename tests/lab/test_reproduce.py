"""The runner of reproductions: cells are kept, marks are held against what came out, and a folder is one run's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from accord.errors import RecipeError
from accord.lab.exact_optimum import EXACT_OPTIMUM, METHODS, conclude
from accord.lab.reproduce import Cell, Mark, concluded, marks_of, met, read_cells, run_cells
from accord.lab.reproductions import REPRODUCTIONS
from accord.stats import Estimate

FEW = replace(EXACT_OPTIMUM, cells=lambda short: [Cell("best-of-n", seed) for seed in range(3)])


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "cells.jsonl").read_text().splitlines()]


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """A line that a kill cut off is worked out again, the others are kept as they are."""
    assert [done.step for done in run_cells(FEW, tmp_path, short=True, processes=1)] == [0, 1, 2, 3]
    first = rows_of(tmp_path)
    text = (tmp_path / "cells.jsonl").read_text()
    (tmp_path / "cells.jsonl").write_text(text[: -len(text.splitlines()[-1]) // 2])
    assert [done.step for done in run_cells(FEW, tmp_path, short=True, processes=1)] == [2, 3]
    again = {row["seed"]: row["points"] for row in read_cells(FEW, tmp_path, short=True)}
    assert again == {row["seed"]: row["points"] for row in first}
    assert [done.step for done in run_cells(FEW, tmp_path, short=True)] == [3]


def test_a_folder_is_one_runs(tmp_path: Path) -> None:
    list(run_cells(FEW, tmp_path, short=True, processes=1))
    with pytest.raises(RecipeError, match="holds the short form of exact-optimum; choose another folder"):
        list(run_cells(FEW, tmp_path, short=False, processes=1))


def test_a_mark_is_met_below_it_alone() -> None:
    mark = Mark("rloo", "claim", 0.5)
    assert met(mark, Estimate(0.4, 0.3, 0.6, 9))
    assert not met(mark, Estimate(0.5, 0.3, 0.6, 9))


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_every_reproduction_has_its_marks_and_a_question(name: str) -> None:
    assert REPRODUCTIONS[name].question.endswith("?")
    assert marks_of(name)


def point(beta: float, gap: float) -> dict[str, float]:
    more = {"best_reward": 0.1, "best_kl": 0.0}
    return {"beta": beta, "gap": gap, "reward": 0.0, "kl": 0.0, "excess": -0.1, "entropy": 1.0, **more}


def test_the_worst_beta_is_what_is_judged_and_small_ones_are_not() -> None:
    bad, rows = [0.9, 0.9], []
    for seed in range(2):
        for method in ("rloo", "reinforce", "reinforce++", "ppo", "grpo", "dpo"):
            points = [point(0.1, bad[seed]), point(0.2, 0.01 * (seed + 1)), point(1.0, 0.001)]
            rows.append({"arm": method, "seed": seed, "points": points, "seconds": 1.0})
        rows.append(
            {
                "arm": "best-of-n",
                "seed": seed,
                "seconds": 1.0,
                "points": [{"n": 2, "kl": 0.19, "reward": 0.0, "excess": 0.2 * seed, "entropy": 1.0}],
            }
        )
    found = conclude(rows)
    assert found["rloo"].value == pytest.approx(0.015)
    assert found["frontier"].value == pytest.approx(0.2)
    assert found["best-of-n"].value == pytest.approx(0.19 - (0.6931471805599453 - 0.5))
    result = concluded(EXACT_OPTIMUM, rows)
    said = {mark["claim"]: mark["met"] for mark in result.to_json()["marks"]}
    assert [value for claim, value in said.items() if claim.startswith("RLOO")] == [False]
    assert [value for claim, value in said.items() if claim.startswith("no policy")] == [False]
    assert [value for claim, value in said.items() if claim.startswith("best of n")] == [True]
    assert result.seeds == 2
    assert EXACT_OPTIMUM.table(rows).count("\n") == 11  # and those that have no beta
    left, right = EXACT_OPTIMUM.figure(rows).axes
    assert len(left.lines) == 6 + 1
    assert [line.get_label() for line in right.lines][:7] == [*METHODS, "exact optimum"]
