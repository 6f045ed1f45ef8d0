"""Every reproduction runs from the command line: its short form, to the end, with a table, a figure and its marks."""

import json
from pathlib import Path

import pytest

from accord.cli import run
from accord.lab.cell import CellResult
from accord.lab.is_rl_needed import IS_RL_NEEDED
from accord.lab.is_rl_needed.settings import MethodResult
from accord.lab.mark import read_marks
from accord.lab.reproduce import MANY
from accord.lab.reproductions import REPRODUCTIONS

LONG = {"i-dont-know", "is-rl-needed", "starts"}  # train language models, also in their short forms


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in REPRODUCTIONS.names]
)
def test_a_short_form_runs_and_holds_itself_against_its_marks(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", "run", name, "--short", "--json", "--processes", "1", "--out", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "result.json").read_text())
    assert (printed["name"], printed["seeds"] >= 1, printed["seconds"] > 0) == (name, True, True)
    exact = [mark.claim for mark in read_marks(name) if not set("*:").intersection(mark.name)]
    assert [mark["claim"] for mark in printed["marks"] if ":" not in mark["name"]] == exact
    assert printed["marks"]
    for mark in printed["marks"]:
        estimate, below = mark["estimate"], mark["side"] == "below"
        end = estimate["value"] if mark["by"] == "value" else estimate["high" if below else "low"]
        assert mark["met"] == (end is not None and (end < mark["mark"] if below else end > mark["mark"]))
    assert (tmp_path / "table.md").read_text().startswith("|")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
    before = (tmp_path / "cells.jsonl").read_bytes()
    assert run(["lab", "run", name, "--short", "--quiet", "--out", str(tmp_path)]) == 0  # nothing is left to be done
    assert (tmp_path / "cells.jsonl").read_bytes() == before
    said = capsys.readouterr().out
    assert (tmp_path / "table.md").read_text().strip() in said
    missed = [mark["claim"] for mark in printed["marks"] if not mark["met"]]
    assert all(claim in said for claim in (exact if len(printed["marks"]) <= MANY else missed))


def cells_of(objectives: dict[str, list[float]], world: str = "essay") -> list[CellResult[MethodResult]]:
    """Cells of a world, a seed each, with these objectives by method."""
    seeds = len(next(iter(objectives.values())))
    return [
        CellResult[MethodResult](
            name="is-rl-needed",
            short=False,
            arm=world,
            seed=seed,
            seconds=1.0,
            measurements=tuple(
                MethodResult(world=world, method=method, objective=values[seed], reward=0.0, kl=1.0, distinct_2=0.5)
                for method, values in objectives.items()
            ),
        )
        for seed in range(seeds)
    ]


def test_the_best_of_each_side_is_held_against_the_other() -> None:
    essays = {"start": [0.0] * 3, "rloo": [2.0, 2.0, 2.0], "ppo": [1.0] * 3, "dpo": [1.5] * 3, "best_of_n": [0.5] * 3}
    others = {"start": [0.0] * 3, "rloo": [1.0] * 3, "dpo": [1.25] * 3, "the optimum": [9.0] * 3}
    estimates = IS_RL_NEEDED.conclude([*cells_of(essays), *cells_of(others, "enum"), *cells_of(others, "reviews")])
    assert estimates["essay"].value == pytest.approx(-0.5)
    assert estimates["enum"].value == pytest.approx(0.25)  # the optimum is nobody's
    assert estimates["distilled"].value == pytest.approx(0.75)
    assert estimates["preferences"].value == pytest.approx(0.25)
    assert estimates["varied"].value == pytest.approx(0.0)
