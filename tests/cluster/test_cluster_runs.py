"""Runs by Ray on two machines, which are two nodes of one: the numbers of one process, whoever is killed meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from accord.cli import run
from accord.run import holder_of
from torchrun import manifest_of, numbers_apart, rows_of, weights_apart

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.filterwarnings("ignore"),  # Ray leaves sockets and processes to the interpreter's end
]

CLOSE = 1e-5
WAY = {"samples_lag", "samples_wait", "hand_over_bytes", "hand_over_seconds", "weights_step"}
"""Columns that say how samples came about."""
DATA = """
seed = 3

[data]
ledger = "feedback.db"
source = "feedback.jsonl"
format = "trl_preference"
train = 0.6
eval_reward = 0.2
held_out = 0.2

[sft]
base = "tiny"
dtype = "float32"
epochs = 2
batch_size = 7
optim = { lr = 5e-3, warmup_steps = 2 }

[reward]
base = "tiny"
dtype = "float32"
step_completions = 24
optim = { lr = 2e-3, warmup_steps = 2 }
"""
ONLINE = """
dtype = "float32"
prompts_per_step = 4
group_size = 6
save_every = 2
max_steps = 10
sampling = { max_tokens = 24 }
optim = { lr = 1e-3, warmup_steps = 1, lr_schedule = "constant" }
"""
RECIPES = {
    "whole": f'[policy]\nkind = "ppo"\nminibatches = 2\n{ONLINE}',
    "stale": f'[policy]\nkind = "rloo"\nstaleness = 1\n{ONLINE}',
    "ended": f'[policy]\nkind = "rloo"\nstaleness = 2\n{ONLINE}',
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes, in a place of their own."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 3, "object_store_memory": 100_000_000}
    before = dict(os.environ)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}
    two = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    two.add_node(**node)
    os.environ["RAY_ADDRESS"] = two.address
    yield
    two.shutdown()
    os.environ.clear()
    os.environ |= before


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recipes, the stages before the policy, and each policy by this process alone."""
    path = tmp_path_factory.mktemp("cluster")
    assert run(["init", str(path / "first")]) == 0
    (path / "first/feedback.jsonl").rename(path / "feedback.jsonl")
    for name, policy in RECIPES.items():
        (path / f"{name}.toml").write_text(DATA + policy)
    before = os.getcwd()
    os.chdir(path)
    try:
        stages = [word for stage in ("data", "sft", "reward") for word in ("--only", stage)]
        assert run(["run", "whole.toml", "--out", "base", "--quiet", *stages]) == 0
        for name in RECIPES:
            assert run([*to_policy(name), "--out", f"one-{name}"]) == 0
    finally:
        os.chdir(before)
    return path


def to_policy(name: str) -> list[str]:
    """The arguments that train the policy of a recipe, on what comes before it."""
    return ["run", f"{name}.toml", "--from", "base", "--only", "policy", "--quiet"]


def on_ray(**roles: object) -> list[str]:
    return ["--engine.kind", "ray", *(word for key, each in roles.items() for word in (f"--engine.{key}", str(each)))]


def steps(run_path: Path) -> int:
    metrics = run_path / "policy/metrics.jsonl"
    return metrics.read_bytes().count(b"\n") if metrics.is_file() else 0


def actors(kind: str) -> set[int]:
    """The processes of actors of a class, below this process."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            title = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if title.startswith(f"ray::{kind}"):
            found.add(process.pid)
    return found


class Killer(threading.Thread):
    """Kills processes of a run that is under way, each when so many steps more were made than at the one before."""

    def __init__(self, run_path: Path, *victims: Callable[[], set[int]]) -> None:
        super().__init__(daemon=True)
        self.run_path, self.victims, self.killed = run_path, victims, list[int]()

    def run(self) -> None:
        for victims in self.victims:
            before = steps(self.run_path)
            while steps(self.run_path) < before + 2 or not victims():
                time.sleep(0.02)
            pid = min(victims())
            self.killed.append(pid)
            os.kill(pid, signal.SIGKILL)
            while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.02)


def rows(path: Path, file: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in WAY} for row in rows_of(path, f"policy/{file}")]


def check_same(one: Path, other: Path) -> None:
    """The steps, samples and weights are the same."""
    for file in ("metrics.jsonl", "samples.jsonl"):
        assert numbers_apart(rows(one, file), rows(other, file)) < CLOSE
    assert weights_apart(one, other, "policy/model") < CLOSE


def test_learners_that_are_killed_go_on(
    home: Path, cluster: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that helps, then the first one; the others begin again from the last kept step, on both nodes."""
    monkeypatch.chdir(home)
    two = home / "two-whole"

    def first() -> set[int]:
        holder = holder_of(two)
        return {holder.pid} if holder is not None and holder.pid is not None else set()

    killer = Killer(two, lambda: (actors("Learner") - first()) if first() else set(), first)
    killer.start()
    engine = on_ray(learners=2, placement="STRICT_SPREAD", max_restarts=2)
    assert run([*to_policy("whole"), "--out", "two-whole", *engine]) == 0
    killer.join()
    check_same(home / "one-whole", two)
    assert manifest_of(two)["processes"]["policy"] == [2, 2, 2]
    said = capsys.readouterr().err
    assert "learner 2 of 2 was lost; all begin again from the last kept step (restart 1 of 2)" in said
    assert "learner 1 of 2 was lost" in said


def test_samplers_and_judges_that_are_killed_are_replaced(
    home: Path, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the next step's samples are written during a step; nothing of the run's numbers hangs on it."""
    monkeypatch.chdir(home)
    path = home / "two-stale"
    killer = Killer(path, lambda: actors("SamplerActor"), lambda: actors("JudgeActor"))
    killer.start()
    assert run([*to_policy("stale"), "--out", "two-stale", *on_ray(samplers=2, judges=1)]) == 0
    killer.join()
    check_same(home / "one-stale", path)
    metrics = rows_of(path, "policy/metrics.jsonl")
    assert [row["samples_lag"] for row in metrics] == [0, *[1] * 9]
    # The weights of the start wrote the second step too, and were there already.
    assert all(row["hand_over_bytes"] > 100_000 and row["hand_over_seconds"] > 0 for row in metrics[2:])
    assert {row["weights_step"] for row in rows_of(path, "policy/samples.jsonl") if row["step"] == 4} == {2}


def test_a_run_whose_command_is_killed_goes_on_without_a_cluster(
    home: Path, cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its actors end with it; what was written ahead for the kept step is kept with it."""
    monkeypatch.chdir(home)
    path = home / "two-ended"
    arguments = [*to_policy("ended"), "--out", "two-ended"]
    command = [sys.executable, "-m", "accord", *arguments, *on_ray(learners=2, samplers=1)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while steps(path) < 5:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    while holder_of(path) is not None or actors("Learner") | actors("SamplerActor"):
        time.sleep(0.05)
    assert steps(path) < 10
    assert run([*arguments, "--resume"]) == 0
    check_same(home / "one-ended", path)
    assert manifest_of(path)["processes"]["policy"] == [2, 1]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (on_ray(learners=7), "7 actors of 1 CPUs each, and the cluster has 6"),
        (on_ray(gpus=1), "1 actors of 1 GPUs each, and the cluster has 0"),
        (on_ray(address="127.0.0.1:9"), "no Ray cluster answers at 127.0.0.1:9"),
    ],
)
def test_what_a_cluster_cannot_do_is_said(
    engine: list[str],
    words: str,
    home: Path,
    cluster: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(home)
    assert run([*to_policy("whole"), "--out", "refused", *engine]) == 2
    assert words in capsys.readouterr().err
    assert not (home / "refused").exists()
