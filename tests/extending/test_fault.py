"""A fault of the user's own, planted from the command line: a file of its own, and no other file touched."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run


@pytest.fixture
def extension(example: Callable[[str], Path]) -> Path:
    return example("fault")


def test_a_fault_from_a_file_is_listed_planted_and_found(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lab", "faults", "--json", "--extension", str(extension)]) == 0
    listed = {fault["name"]: fault for fault in json.loads(capsys.readouterr().out)}
    assert listed["left-only"] == {
        "name": "left-only",
        "description": "Some evaluators choose what stands on the left, whatever it is.",
        "planted_in": ["evaluators"],
        "strengths": [0.25, 0.5],
        "sets_off": ["OV1 position"],
    }
    assert run(["lab", "plant", "left-only", "--extension", str(extension), "--out", str(tmp_path / "run")]) == 0
    assert "OV1      position" in capsys.readouterr().out
    findings = json.loads((tmp_path / "run/audit.json").read_text())["findings"]
    assert [f["verdict"] for f in findings if (f["challenge"], f["check"]) == ("OV1", "position")] == ["FIRES"]


def test_without_the_extension_the_fault_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lab", "plant", "left-only", "--out", str(tmp_path / "run")]) == 2
    assert "unknown fault 'left-only'" in capsys.readouterr().err


def test_a_check_that_is_unknown_is_named_before_anything_is_made(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extension.write_text(extension.read_text().replace("OV1 position", "OV1 positoin"))
    assert run(["lab", "plant", "left-only", "--extension", str(extension), "--out", str(tmp_path / "run")]) == 2
    assert "'OV1 positoin'; did you mean 'OV1 position'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_fault_that_is_not_found_is_status_1(
    extension: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extension.write_text(extension.read_text().replace("0.25, 0.5", "0.0,"))
    assert run(["lab", "plant", "left-only", "--extension", str(extension), "--out", str(tmp_path / "run")]) == 1
    assert "OV1      position" in capsys.readouterr().out
