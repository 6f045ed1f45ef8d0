"""A check of the user's own, asked by the audit from the command line and from a recipe; no other file touched."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run
from accord.errors import RecipeError
from accord.lab import plant
from accord.recipe import parse


@pytest.fixture
def extension(example: Callable[[str], Path]) -> Path:
    return example("check")


def planted(folder: Path, *, head: str = "", section: str = "") -> str:
    """A run of random words, one text in four of which says a word twice in a row; its recipe names no model."""
    with plant(folder / "run") as opened:
        opened.write_text("recipe.toml", f"{head}\n[audit]\n{section}\n")
    return str(folder / "run")


def test_a_check_from_a_file_is_asked_of_a_run(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", planted(tmp_path), "--only", "OWN1", "--json", "--extension", str(extension)]
    assert run(command) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["verdict"], finding["title"]) == ("FIRES", "Policies stutter")
    assert finding["ids"]["prompts"]["count"] > 0


def test_its_thresholds_are_a_section_of_the_recipe(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = planted(tmp_path, head=f'extensions = ["{extension}"]', section="[audit.stutter]\nshare = 0.9")
    assert run(["audit", path, "--only", "OWN1", "--json", "--trust-run"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["verdict"], finding["threshold"]) == ("QUIET", "more than 0.9")


def test_without_the_extension_the_challenge_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", planted(tmp_path), "--only", "OWN1"]) == 2
    assert "OWN1" in capsys.readouterr().err


def test_it_stands_in_the_findings_and_the_report_of_a_run_without_a_recipe(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As other software may leave one: thresholds are the defaults, and what needs a judge is not assessed."""
    with plant(tmp_path / "run") as opened:
        path = opened.path
    assert run(["audit", str(path), "--extension", str(extension)]) == 1
    assert "OWN1 doubled words" in capsys.readouterr().out
    findings = json.loads((path / "audit.json").read_text())["findings"]
    assert findings[-1]["check"] == "doubled words"
    assert {finding["verdict"] for finding in findings if finding["check"] in {"padding", "edits"}} == {
        "NOT_ASSESSABLE"
    }
    assert run(["report", str(path)]) == 0
    page = (path / "report.html").read_text()
    assert "OWN1 doubled words" in page
    assert "The policy says no word twice in a row." in page


def test_a_key_that_it_does_not_have_is_refused_with_the_nearest(extension: Path) -> None:
    head = f'extensions = ["{extension.name}"]\n[audit.stutter]\n'
    with pytest.raises(RecipeError, match=r"recipe\.audit\.stutter\.shar: no such field; did you mean 'share'"):
        parse(head + "shar = 0.5", folder=extension.parent)
    with pytest.raises(RecipeError, match=r"recipe\.audit\.stuter: no such field; did you mean 'stutter'"):
        parse(head.replace("audit.stutter", "audit.stuter") + "share = 0.5", folder=extension.parent)
