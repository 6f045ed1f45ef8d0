"""A check of the user's own, asked by the audit from the command line and from a recipe; no other file touched."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run
from accord.lab import plant


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
    assert run(["audit", path, "--only", "OWN1", "--json"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["verdict"], finding["threshold"]) == ("QUIET", "more than 0.9")


def test_without_the_extension_the_challenge_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", planted(tmp_path), "--only", "OWN1"]) == 2
    assert "OWN1" in capsys.readouterr().err
