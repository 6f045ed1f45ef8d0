"""Every reproduction runs from the command line: its short form, to the end, with a table, a figure and its marks."""

import json
from pathlib import Path

import pytest

from accord.cli import run
from accord.lab.is_rl_needed import IS_RL_NEEDED
from accord.lab.reproduce import marks_of
from accord.lab.reproductions import REPRODUCTIONS


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_a_short_form_runs_and_holds_itself_against_its_marks(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", "run", name, "--short", "--json", "--processes", "1", "--out", str(tmp_path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "result.json").read_text())
    assert (told["name"], told["seeds"] >= 1, told["seconds"] > 0) == (name, True, True)
    assert [mark["claim"] for mark in told["marks"]] == [mark.claim for mark in marks_of(name)]
    for mark in told["marks"]:
        assert mark["met"] == (mark["estimate"]["value"] < mark["mark"])
    assert (tmp_path / "table.md").read_text().startswith("|")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    before = (tmp_path / "cells.jsonl").read_bytes()
    assert run(["lab", "run", name, "--short", "--quiet", "--out", str(tmp_path)]) == 0  # nothing is left to be done
    assert (tmp_path / "cells.jsonl").read_bytes() == before


def rows_of(objectives: dict[str, list[float]], world: str = "essay") -> list[dict[str, object]]:
    """Cells of a world, a seed each, with these objectives by method."""
    seeds = len(next(iter(objectives.values())))
    return [
        {
            "arm": world,
            "seed": seed,
            "seconds": 1.0,
            "results": [
                {
                    "world": world,
                    "method": method,
                    "objective": values[seed],
                    "reward": 0.0,
                    "kl": 1.0,
                    "distinct_2": 0.5,
                }
                for method, values in objectives.items()
            ],
        }
        for seed in range(seeds)
    ]


def test_the_best_of_each_side_is_held_against_the_other() -> None:
    essays = {"start": [0.0] * 3, "rloo": [2.0, 2.0, 2.0], "ppo": [1.0] * 3, "dpo": [1.5] * 3, "best_of_n": [0.5] * 3}
    others = {"start": [0.0] * 3, "rloo": [1.0] * 3, "dpo": [1.25] * 3, "the optimum": [9.0] * 3}
    found = IS_RL_NEEDED.conclude([*rows_of(essays), *rows_of(others, "enum"), *rows_of(others, "reviews")])
    assert found["essay"].value == pytest.approx(-0.5)
    assert found["enum"].value == pytest.approx(0.25)  # the optimum is nobody's
    assert found["distilled"].value == pytest.approx(0.75)
    assert found["preferences"].value == pytest.approx(0.25)
    assert found["varied"].value == pytest.approx(0.0)
