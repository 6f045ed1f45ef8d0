"""Every recipe in examples/ runs to its end, and every algorithm has one."""

from pathlib import Path
from typing import get_args

import pytest

from accord import recipe
from accord.loop.drive import drive
from accord.loop.progress import ProgressDisplay
from accord.run import RunDirectory

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))


def test_every_algorithm_has_an_example() -> None:
    kinds = {each.model_fields["kind"].default for each in get_args(recipe.Algorithm)}
    policies = [recipe.load(file).policy for file in FILES]
    assert {each.kind for each in policies if each is not None} == kinds


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_runs(file: Path, tmp_path: Path) -> None:
    settings = recipe.load(file, {"data.ledger": f'"{tmp_path / "feedback.db"}"', "evaluate.samples_per_prompt": "2"})
    with RunDirectory.create(tmp_path / "run") as run:
        drive(settings, run, ProgressDisplay(quiet=True))
        assert run.has("policy/model")
        assert run.has("report.html")
        assert run.read_json("evaluation/evaluation.json")["win_rate"]
        fired = [each for each in run.read_json("audit.json")["findings"] if each["verdict"] == "fires"]
    assert not [each["check"] for each in fired if each["challenge"].startswith("P-")]  # each trains as it says it does
