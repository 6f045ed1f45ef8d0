"""`accord run --seeds`: a run a seed, the spread of its numbers, and what the audit makes of it."""

import json
from pathlib import Path

import pytest

from accord.cli import run


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    assert run(["init", str(tmp_path / "mine")]) == 0
    return tmp_path / "mine" / "recipe.toml"


def test_what_is_no_range_and_a_seed_of_its_own_are_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(recipe), "--seeds", "3"]) == 2
    assert "--seeds 3: not A:B" in capsys.readouterr().err
    assert run(["run", str(recipe), "--seeds", "0:2", "--set", "seed=4"]) == 2
    assert "leave --set seed=... out" in capsys.readouterr().err


@pytest.mark.slow
def test_each_seed_is_a_run_and_numbers_have_a_spread(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recipe.parent / "runs"
    arguments = ("run", str(recipe), "--seeds", "0:3", "--out", str(out), "--quiet")
    assert run(list(arguments)) == 0
    printed = capsys.readouterr().out
    assert "SD over seeds" in printed
    assert "RL1 seeds" in printed
    rows = {row["key"]: row for row in json.loads((out / "seeds.json").read_text())}
    win_rate = rows["evaluation.win_rate"]
    assert list(win_rate["by_seed"]) == ["0", "1", "2"]
    assert min(win_rate["by_seed"].values()) <= win_rate["mean"]["value"] <= max(win_rate["by_seed"].values())
    assert len(set(win_rate["by_seed"].values())) > 1, "other seeds are other runs"
    shares = [rows[key]["mean"] for key in ("reward.accuracy", "reward.ece", "evaluation.win_rate")]
    assert all(0 <= mean["low"] <= mean["high"] <= 1 for mean in shares), "a share is not below 0"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("model/*")}
    assert run(list(arguments)) == 0
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("model/*")}, "what is there is not done again"
