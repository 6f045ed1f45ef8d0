"""Two processes of torchrun train as one does: the same losses, the same weights, one run.

Judged by runs of one process on the same recipe. What each process had to do is written down by an extension that the
recipe names, as models read.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from accord.cli import run
from torchrun import begin, launcher, manifest_of, numbers_apart, rows_of, torchrun, weights_apart

CLOSE = 1e-5
PAGE = Path(__file__).parents[2] / "docs/processes.md"
FREE = ("bias", "normalisation")
"""Of a head that learns from comparisons alone: no answer says anything of its bias, which follows rounding."""

SPY = '''
"""Writes down how many sequences each process reads, and of how many processes it is one."""

import os
from pathlib import Path

import torch.distributed as dist

from accord.lm.packed import PackedBatch

hidden = PackedBatch.hidden


def noted(self, *arguments, **options):
    with Path("seen", str(os.getpid())).open("a") as file:
        print(dist.get_rank(), dist.get_world_size(), len(self.keys), file=file)
    return hidden(self, *arguments, **options)


if "WORLD_SIZE" in os.environ:
    PackedBatch.hidden = noted
'''

BEGIN = """
seed = 3
extensions = ["spy.py"]

[data]
ledger = "feedback.db"
source = "feedback.jsonl"
format = "trl_preference"
train = 0.6
eval_reward = 0.2
held_out = 0.2
"""
SFT = """
[sft]
base = "tiny"
dtype = "float32"
epochs = 3
batch_size = 7
save_every = 2
optim = { lr = 5e-3, warmup_steps = 2 }
"""
REWARD = """
[reward]
base = "tiny"
dtype = "float32"
epochs = 2
step_completions = 12
optim = { lr = 2e-3, warmup_steps = 2 }
"""
ONLINE = """
dtype = "float32"
max_steps = 3
prompts_per_step = 3
group_size = 4
save_every = 2
sampling = { max_tokens = 12 }
optim = { lr = 1e-3, warmup_steps = 1, lr_schedule = "constant" }
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with feedback."""
    path = tmp_path_factory.mktemp("processes")
    assert run(["init", str(path / "first")]) == 0
    (path / "first/feedback.jsonl").rename(path / "feedback.jsonl")
    (path / "spy.py").write_text(SPY)
    (path / "seen").mkdir()
    return path


@pytest.fixture(scope="module", autouse=True)
def by_one_path() -> Iterator[None]:
    """Parts of models take no compiled kernels, so none takes any: rounding otherwise grows from step to step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCORD_NATIVE", "off")
        patch.setattr("accord.lm.native.proven.layer_kernels", lambda dtype: None)
        yield


def written(home: Path, name: str, *parts: str) -> list[str]:
    """The arguments by which a recipe of these parts is trained."""
    text = "".join((BEGIN, *parts))
    (home / f"{name}.toml").write_text(text)
    stages = [stage for stage in ("data", "sft", "reward", "policy") if f"[{stage}]" in text]
    return ["run", f"{name}.toml", *(word for stage in stages for word in ("--only", stage))]


def of_one(home: Path, arguments: list[str], out: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same recipe, run by this process."""
    monkeypatch.chdir(home)
    assert run([*arguments, "--out", out, "--quiet"]) == 0
    return home / out


def of_two(home: Path, arguments: list[str], out: str) -> Path:
    """The same recipe, run by two processes of torchrun, each of which had about as much to do."""
    for file in (home / "seen").iterdir():
        file.unlink()
    status, _, errors = torchrun([*arguments, "--out", out], home)
    assert status == 0, errors
    lines = [line.split() for file in (home / "seen").iterdir() for line in file.read_text().splitlines()]
    assert {world for _, world, _ in lines} == {"2"}
    done = [sum(int(keys) for rank, _, keys in lines if rank == which) for which in ("0", "1")]
    assert min(done) > 0.3 * sum(done)
    return home / out


def told(run: Path, file: str) -> list[dict[str, Any]]:
    """The rows of a file, but for the penalty of the prior, a part of which is the square of a bias in FREE."""
    return [{key: value for key, value in row.items() if key != "penalty"} for row in rows_of(run, file)]


def check_same(one: Path, two: Path, *stages: str) -> None:
    """The steps, the texts and the weights of stages are the same, and the run says that two made them."""
    for stage in stages:
        for file in ("metrics.jsonl", "samples.jsonl", "candidates.jsonl"):
            if (one / stage / file).is_file():
                assert numbers_apart(told(one, f"{stage}/{file}"), told(two, f"{stage}/{file}")) < CLOSE, stage
        head = (one / stage / "model/head.safetensors").is_file()
        assert weights_apart(one, two, f"{stage}/model", but=FREE if head else ()) < CLOSE, stage
        assert manifest_of(two)["processes"][stage] == [2]
    assert "processes" not in manifest_of(one)


@pytest.mark.parametrize(("rank", "status"), [("0", 2), ("1", 0)])
def test_other_verbs_are_refused(
    rank: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the first process alone: the others say nothing."""
    for name, value in (("RANK", rank), ("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    assert run(["verify", "nowhere"]) == status
    said = capsys.readouterr()
    assert ("2 processes are for `accord run`" in said.err) == (rank == "0")
    assert not said.out


@pytest.mark.timeout(1500)
def test_two_train_as_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervised start, a reward that is an ensemble, and PPO with several updates a step."""
    reward = f"{REWARD}ensemble_size = 3\n"
    policy = f'[policy]\nkind = "ppo"\nminibatches = 2\n{ONLINE}'
    arguments = written(home, "whole", SFT, reward, policy)
    one = of_one(home, arguments, "one", monkeypatch)
    two = of_two(home, arguments, "two")
    check_same(one, two, "sft", "reward", "policy")
    (line,) = [line for line in PAGE.read_text().splitlines() if line.startswith("torchrun ")]
    launched = " ".join(launcher(2)).replace(f"{sys.executable} -m torch.distributed.run", "torchrun")
    assert line == f"{launched} -m accord run recipe.toml --out runs/two"


SEVERAL = """
import sys
from pathlib import Path

from accord.cli.making import help_first
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.reuse import reuse_stages
from accord.loop.stages import stages_of
from accord.recipe import load
from accord.run import launch_of
from accord.train.ranks import process_group

if not launch_of().is_first:
    help_first()
    sys.exit()
with process_group():
    for name in sys.argv[1:]:
        recipe = load(Path(f"{name}.toml"))
        only = tuple({"data", "sft", "reward", "policy"} & stages_of(recipe).keys())
        with start_run(recipe, f"two-{name}", resume=False) as run:
            if "policy" in only:
                source = "two-sharded-sft" if name.startswith("sharded-") else "two-sft"
                told = list(reuse_stages(recipe, run, Path(source), only=only))
                assert f"sft: taken from {source}" in told, told
            drive(recipe, run, ProgressDisplay(quiet=True), only=only)
"""
JUDGE = """
import os
from pathlib import Path

calls = []


def score(texts):
    if len(texts) == 12:  # those of a step
        calls.append(len(texts))
        with Path("judged", str(os.getpid())).open("a") as file:
            file.writelines(f"{text!r}\\n" for text in texts)
        if len(calls) == 2:
            raise ConnectionError("gone for a while")
    return [text.count("e") for text in texts]
"""
PAIRWISE = 'dtype = "float32"\nepochs = 2\nbatch_size = 5\nsave_every = 3\noptim = { lr = 1e-3 }\n'
LENGTH = '[reward]\nkind = "length"\nunit = "characters"\ntarget = 9\n'
POLICIES = {
    "dpo": f'[policy]\nkind = "dpo"\n{PAIRWISE}',
    "kto": f'[policy]\nkind = "kto"\n{PAIRWISE}',
    "orpo": f'[policy]\nkind = "orpo"\n{PAIRWISE}',
    "rloo": f'{LENGTH}[policy]\nkind = "rloo"\n{ONLINE}',
    "grpo": f'{LENGTH}[policy]\nkind = "grpo"\nepochs = 2\nminibatches = 2\n{ONLINE}',
    "reinforce_pp": f'{LENGTH}[policy]\nkind = "reinforce++"\n{ONLINE}',
    "rrhf": f'{LENGTH}[policy]\nkind = "rrhf"\n{ONLINE}',
    "pro": f'{LENGTH}[policy]\nkind = "pro"\nsource = "policy"\n{ONLINE}',
    "ppo": f'{LENGTH}[policy]\nkind = "ppo"\npretrain_coef = 0.5\n{ONLINE}[policy.lora]\nrank = 2\n',
}
POLICIES["skipped"] = (
    '[reward]\nkind = "python"\npath = "judge.py:score"\n'
    f'[policy]\nkind = "rloo"\njudge_retries = 0\non_judge_failure = "skip"\n{ONLINE}'
)
EPS = 1e-6
"""Of AdamW, where some gradients are next to nothing: with less, rounding alone makes full steps of them."""
REWARDS = {
    "person": REWARD + 'head_per = "everybody"\ndecoder_prior_std = 0.1\n[reward.lora]\nrank = 2\n',
    "thurstone": REWARD.replace("[reward]", '[reward]\nkind = "thurstone"').replace("{ lr", f"{{ eps = {EPS}, lr")
    + "group_completions = 4\n",
}


PARTS = {
    "sft": (SFT,),
    **{name: (SFT, policy) for name, policy in POLICIES.items()},
    **{name: (each,) for name, each in REWARDS.items()},
}


SHARDED = ("sft", "dpo", "kto", "rloo", "grpo", "ppo", "thurstone")
"""Trained by two that hold the model in parts as well."""
IN_PARTS = "[processes]\nshard = true\n"


@pytest.fixture(scope="module")
def several(home: Path) -> Path:
    """The home, with a run of each of these by two processes, whose policies begin at one supervised start."""
    for name, parts in PARTS.items():
        written(home, name, *parts)
        written(home, f"sharded-{name}", *parts, IN_PARTS)
    (home / "several.py").write_text(SEVERAL)
    (home / "judge.py").write_text(JUDGE)
    (home / "judged").mkdir()
    status, _, errors = torchrun([*PARTS, *(f"sharded-{name}" for name in SHARDED)], home, module="several")
    assert status == 0, errors
    return home


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.filterwarnings("ignore:step 2 is skipped")
@pytest.mark.parametrize("name", PARTS)
def test_every_algorithm(name: str, several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = "policy" if name in POLICIES else "reward" if name in REWARDS else "sft"
    start, arguments = started_by_one(several, monkeypatch), written(several, name, *PARTS[name])
    if name in POLICIES:
        arguments += ["--from", str(start)]
    one = start if name == "sft" else of_one(several, arguments, f"one-{name}", monkeypatch)
    check_same(one, several / f"two-{name}", stage)
    if name in SHARDED:
        check_same(one, several / f"two-sharded-{name}", stage)


def started_by_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The supervised start of one process, made where it is not there yet."""
    if not (home / "one-sft").exists():
        of_one(home, written(home, "sft", SFT), "one-sft", monkeypatch)
    return home / "one-sft"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_judge_is_asked_by_one_process(several: Path) -> None:
    """And a step of which it gives no scores is left out by both."""
    (asked,) = [file for file in (several / "judged").iterdir() if file.name != str(os.getpid())]
    run = several / "two-skipped"
    assert [row["step"] for row in rows_of(run, "policy/metrics.jsonl")] == [1, 3]
    texts = [repr(row["text"]) for row in rows_of(run, "policy/samples.jsonl")]
    lines = asked.read_text().splitlines()
    assert [*lines[:12], *lines[24:]] == texts


def when(met: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait until something is so while a process runs."""
    while not met():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def begun_again(command: list[str], home: Path, metrics: Path, count: int) -> tuple[subprocess.Popen[str], list[int]]:
    """Processes that go on with a run and have made some steps, and their numbers by rank."""

    def steps() -> int:
        return metrics.read_bytes().count(b"\n") if metrics.is_file() else 0

    before, seen = steps(), home / "seen"
    for file in seen.iterdir():
        file.unlink()
    process = begin(command, home, count)
    when(lambda: steps() >= before + 4, process)
    ranks = {int(file.read_text().split()[0]): int(file.name) for file in seen.iterdir()}
    return process, [ranks[rank] for rank in range(count)]


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_model_in_parts_outlives_a_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What FSDP raises where a process is gone becomes one line, and the run goes on with whoever is there."""
    sft = SFT.replace("epochs = 3", "epochs = 20").replace("5e-3", "1e-3")
    arguments = written(home, "lost", sft, IN_PARTS)
    one = of_one(home, arguments, "one-lost", monkeypatch)
    two = home / "two-lost"
    go_on = [*arguments, "--out", "two-lost", "--resume"]
    process, pids = begun_again(go_on, home, two / "sft/metrics.jsonl", 2)
    os.kill(pids[1], signal.SIGKILL)
    _, errors = process.communicate()
    own = [line for line in errors.splitlines() if line.startswith("accord: ")]
    assert "one of the 2 processes has ended" in own[-1] or "ended by SIGTERM" in own[-1], errors
    assert "is kept in" in own[-1]
    assert "fsdp" not in errors.lower()
    assert process.returncode != 0
    assert not any(map(is_alive, pids))

    assert run([*go_on, "--quiet"]) == 0
    assert numbers_apart(rows_of(one, "sft/metrics.jsonl"), rows_of(two, "sft/metrics.jsonl")) < CLOSE
    assert weights_apart(one, two, "sft/model") < CLOSE


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_run_that_is_ended_goes_on_with_other_processes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kill of a process that helps, by that of the first, by SIGTERM; with two, three, one process."""
    policy = f'{LENGTH}[policy]\nkind = "rloo"\n{ONLINE}'.replace("= 3", "= 40", 1)
    arguments = written(home, "ended", SFT, policy)
    one = of_one(home, arguments, "one-ended", monkeypatch)
    two, metrics = home / "two-ended", home / "two-ended/policy/metrics.jsonl"
    go_on = [*arguments, "--out", "two-ended", "--resume"]

    def begun(count: int) -> tuple[subprocess.Popen[str], list[int]]:
        return begun_again(go_on, home, metrics, count)

    process, pids = begun(2)
    os.kill(pids[1], signal.SIGKILL)
    _, errors = process.communicate()
    # torchrun asks the first one to end too, which may come before the connection is found to be gone.
    assert "one of the 2 processes has ended" in errors or "ended by SIGTERM" in errors
    assert "is kept in" in errors
    assert process.returncode != 0
    assert not any(map(is_alive, pids))

    process, pids = begun(3)
    os.kill(pids[0], signal.SIGKILL)
    process.communicate()
    assert process.returncode != 0
    assert not any(map(is_alive, pids))

    process, pids = begun(2)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert "of policy is kept" in errors
    assert not any(map(is_alive, pids))

    assert run([*go_on, "--quiet"]) == 0
    assert numbers_apart(rows_of(one, "policy/metrics.jsonl"), rows_of(two, "policy/metrics.jsonl")) < CLOSE
    assert weights_apart(one, two, "policy/model") < CLOSE
    assert manifest_of(two)["processes"] == {"sft": [2], "policy": [2, 3, 2, 1]}
