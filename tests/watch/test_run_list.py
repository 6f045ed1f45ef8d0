"""`accord runs`: all runs below a folder, in states that are true after a kill, and of damaged ones too."""

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from logged_runs import begin_policy, finish, killed, log_steps

from accord.artefacts import EVALUATION, ArmEvaluation, PolicyEvaluation
from accord.cli import run as accord
from accord.run import RunDirectory
from accord.stats import Estimate
from accord.watch import list_runs
from accord.watch.listing import size_words


def number(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1, 10)


def an_ended_run(path: Path) -> None:
    arm = ArmEvaluation(entropy=number(1), length=number(9), stop_rate=number(0.5))
    with RunDirectory.create(path) as run:
        EVALUATION.write(
            run, PolicyEvaluation(kl=number(1), win_rate=number(0.6), start=arm, policy=arm), stage="evaluate"
        )
        finish(run, "evaluate")


def test_every_run_below_a_folder_with_its_state(tmp_path: Path, killed_run: Path) -> None:
    an_ended_run(tmp_path / "group/ended")
    shutil.copytree(killed_run, tmp_path / "killed")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/manifest.json").write_text("{")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "group")
    with RunDirectory.create(tmp_path / "rounds-of/rounds/02") as round_:
        begin_policy(round_)
        log_steps(round_, 3)
        found = {run.name: run for run in list_runs(tmp_path)}
    assert {name: run.state for name, run in found.items()} == {
        "damaged": "damaged",
        "group/ended": "ended",
        "killed": "stopped",
        "rounds-of": "running",
    }
    assert found["group/ended"].number == "win rate 0.60 [0.50, 0.70]"
    assert (found["killed"].stage, found["killed"].step, found["killed"].total) == ("policy", 4, 10)
    assert found["rounds-of"].stage == "rounds/02 policy"
    assert found["rounds-of"].number == "reward 0.300, KL 1.50"
    assert "not a manifest of a run" in found["damaged"].words
    assert {run.state: run.state for run in list_runs(tmp_path)}["stopped"] == "stopped"
    assert next(run for run in list_runs(tmp_path) if run.name == "rounds-of").state == "stopped"


def test_a_run_is_stopped_at_once_when_its_process_is_killed(tmp_path: Path) -> None:
    killed(tmp_path / "run")
    (run,) = list_runs(tmp_path)
    assert run.state == "stopped"
    assert "it was killed" in run.words


def test_the_size_counts_what_lies_on_the_disk_once(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.write_bytes("big", b"x" * 1_000_000)
    (tmp_path / "run/again").hardlink_to(tmp_path / "run/big")
    (listed,) = list_runs(tmp_path)
    assert 1_000_000 <= listed.size < 1_200_000
    assert listed.active is not None
    assert [size_words(size) for size in (5, 5_000, 5_200_000, 7 * 10**9)] == ["5 B", "5.0 kB", "5.2 MB", "7.0 GB"]


def test_the_verb_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    an_ended_run(tmp_path / "ended")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/manifest.json").write_text("{")
    assert accord(["runs", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "win rate 0.60 [0.50, 0.70]" in printed
    assert "damaged: " in printed
    assert accord(["runs", str(tmp_path), "--json"]) == 0
    assert {run["name"]: run["state"] for run in json.loads(capsys.readouterr().out)} == {
        "ended": "ended",
        "damaged": "damaged",
    }


def test_a_folder_without_runs_and_one_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["runs", str(tmp_path)]) == 0
    assert "no runs below it" in capsys.readouterr().out
    assert accord(["runs", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err
    assert list(list_runs(tmp_path)) == []


def test_a_folder_that_cannot_be_read_is_a_line_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_ended_run(tmp_path / "ended")
    (tmp_path / "closed").mkdir()
    iterdir = Path.iterdir

    def refused(path: Path) -> Iterator[Path]:
        if path.name == "closed":
            raise PermissionError(errno.EACCES, "refused", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    found = {run.name: (run.state, run.words) for run in list_runs(tmp_path)}
    assert found["ended"][0] == "ended"
    assert found["closed"][0] == "damaged"
