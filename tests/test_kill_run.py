"""The tool that kills a run again and again: what it finds, and a short form of what it is for."""

import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tools.kill_diff import differences
from tools.kill_run import Kill, draw_places, kill_again_and_again, main, table
from tools.kill_sound import unsound

from accord.loop.starting import write_starter
from accord.run import RunDirectory
from rounds_run import write_recipe

SMALL = (
    "sft.epochs=2",
    "sft.save_every=2",
    "reward.epochs=1",
    "evaluate.judge.epochs=1",
    "evaluate.samples_per_prompt=2",
    "policy.max_steps=6",
    "policy.save_every=2",
    "policy.sampling.max_tokens=8",
    "checkpoints.keep=2",
)


def made(path: Path) -> Path:
    with RunDirectory.create(path) as run:
        run.begin("sft", "basis")
        run.write_jsonl("sft/metrics.jsonl", [{"step": 1, "loss": 0.5, "seconds": 0.25}], stage="sft")
        with run.write_folder("sft/model", stage="sft") as folder:
            (folder / "weights").write_bytes(b"\0\1\2")
        run.finish("sft", "digest", 1.0, basis="basis")
        run.write_text("report.html", "<p>1 s", stage="report")
    return path


def edit_json(file: Path, change: Callable[[dict[str, object]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_two_runs_of_the_same_numbers_do_not_differ(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    row = json.loads((other / "sft/metrics.jsonl").read_text())
    (other / "sft/metrics.jsonl").write_text(json.dumps({**row, "seconds": 9.0}) + "\n")
    (other / "report.html").write_text("<p>9 s")
    edit_json(other / "manifest.json", lambda content: content["stages"]["sft"].update(goes=4, seconds=9.0))  # type: ignore[index]
    assert list(differences(one, other)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda run: (run / "sft/model/weights").write_bytes(b"\0\1\3"), "sft/model/weights: other bytes"),
        (
            lambda run: (run / "sft/metrics.jsonl").write_text('{"step": 1, "loss": 0.6, "seconds": 0.25}\n'),
            "sft/metrics.jsonl: 1 and 1 lines, of which 1 differ: [1]",
        ),
        (
            lambda run: (run / "sft/metrics.jsonl").write_text('{"loss": 0.5, "step": 1, "seconds": 1}\n'),
            "sft/metrics.jsonl: 1 and 1 lines, of which 1 differ: [1]",
        ),
        (lambda run: (run / "sft/metrics.jsonl").write_text(""), "sft/metrics.jsonl: 1 and 0 lines, of which 0 differ"),
        (
            lambda run: edit_json(run / "manifest.json", lambda content: content["files"].pop("sft/model/weights")),
            "sft/model/weights: missing",
        ),
        (
            lambda run: edit_json(
                run / "manifest.json", lambda content: content["stages"]["sft"].update(basis="another")
            ),
            "manifest.json stages: sft.basis was 'basis', is 'another'",
        ),
    ],
)
def test_a_difference_is_found(change: Callable[[Path], object], found: str, tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    change(other)
    (difference,) = differences(one, other)
    assert difference.startswith(found)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda run: (run / "sft/model.part").mkdir(), "sft/model.part: left behind"),
        (lambda run: (run / ".checkpoints/sft").mkdir(parents=True), ".checkpoints/sft: left behind"),
        (lambda run: (run / "sft/model/weights").write_bytes(b"\0"), "sft/model/weights: differs from its digest"),
        (lambda run: (run / "sft/note").touch(), "sft/note: not in the manifest"),
        (
            lambda run: edit_json(run / "manifest.json", lambda content: content.update(begun={"policy": ""})),
            "policy: begun, and not finished",
        ),
    ],
)
def test_what_is_not_whole_is_found(change: Callable[[Path], object], found: str, tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    assert list(unsound(run)) == []
    change(run)
    (problem,) = unsound(run)
    assert problem.startswith(found)


def test_runs_within_a_run_are_compared_too(tmp_path: Path) -> None:
    one, other = (made(tmp_path / name) for name in ("one", "other"))
    for path in (one, other):
        made(path / "rounds/01")
    assert list(differences(one, other)) == []
    (other / "rounds/01/sft/model/weights").write_bytes(b"\0\1\3")
    assert list(differences(one, other)) == ["rounds/01: sft/model/weights: other bytes"]
    made(one / "rounds/02")
    assert "rounds/02: not in other" in list(differences(one, other))


def test_every_stage_is_killed_once_and_the_rest_fall_anywhere() -> None:
    changes = ["start", "data", "data", "after data", "rounds/01/sft", *["policy"] * 40, "after policy"]
    for seed in range(20):
        places = draw_places(random.Random(seed), changes, 6)
        assert {"data", "rounds/01/sft", "policy"} <= {stage for stage, _ in places}
        assert len(places) == 6
        assert all(1 <= number <= changes.count(stage) for stage, number in places)
        assert [changes.index(stage) for stage, _ in places] == sorted(changes.index(stage) for stage, _ in places)
        assert places == draw_places(random.Random(seed), changes, 6)
    assert len({stage for stage, _ in draw_places(random.Random(0), changes, 2)}) == 2


def test_kills_are_a_table() -> None:
    kills = [Kill(1, 1, "SIGKILL", "sft", 31, "rename sft/model.part"), Kill(1, 2, "SIGTERM", "policy", 7, "open a")]
    assert table(kills).splitlines()[1:] == [
        "1     1    1     SIGKILL  sft     31      rename sft/model.part",
        "2     1    2     SIGTERM  policy  7       open a",
    ]


def test_a_ledger_that_runs_would_share_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first/recipe.toml").write_text(f'[data]\nledger = "{tmp_path / "shared.db"}"\n')
    assert main([str(tmp_path / "first/recipe.toml"), "--kills", "1", "--out", str(tmp_path / "out")]) == 2
    assert "all runs would share it" in capsys.readouterr().err
    assert not (tmp_path / "out/whole/run").exists()


def test_a_run_that_fails_by_itself_is_no_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.toml").write_text("[policy]\nknd = 'ppo'\n")
    assert main([str(tmp_path / "recipe.toml"), "--kills", "1", "--out", str(tmp_path / "out")]) == 2
    assert "whole ended with 2: " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("signals", [(signal.SIGKILL,), (signal.SIGTERM, signal.SIGKILL)], ids=["kill", "mixed"])
def test_a_run_that_is_killed_three_times_is_the_run_that_was_never_killed(
    signals: tuple[signal.Signals, ...], tmp_path: Path
) -> None:
    write_starter(tmp_path / "first")
    (tmp_path / "out").mkdir()
    kills, found = kill_again_and_again(
        tmp_path / "first/recipe.toml", tmp_path / "out", kills=3, seed=4, settings=SMALL, signals=signals
    )
    assert len(kills) == 3
    assert found == []
    shutil.rmtree(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_rounds_that_are_killed_are_the_rounds_that_were_never_killed(tmp_path: Path) -> None:
    write_recipe(tmp_path / "first", rounds="2")
    (tmp_path / "out").mkdir()
    kills, found = kill_again_and_again(
        tmp_path / "first/recipe.toml", tmp_path / "out", kills=5, seed=11, settings=["loop.rounds=2", "sft.epochs=1"]
    )
    assert len(kills) == 5
    assert found == []
