"""A signal that asks for the end: the step under way is finished and kept, and what comes of it is the same."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel
from torch import nn

from accord.artefacts import SupervisedMetrics
from accord.errors import ModelError, TrainingStopped
from accord.run import RunDirectory
from accord.run.stopping import Terminated, ending_by_signal, step_under_way, termination
from accord.train import Optim, Optimiser, StepResult, TrainingLoop, TrainingStep


class Settings(BaseModel):
    optim: Optim = Optim(lr=1e-1, warmup_steps=0)


class Signalled:
    """A stage of 8 steps, in one of which the process is sent a signal, as by a scheduler."""

    def __init__(self, run: RunDirectory, *, at: int = 0, number: int = signal.SIGTERM, fails: bool = False) -> None:
        self.run, self.at, self.number, self.fails = run, at, number, fails
        self.weight = nn.Parameter(torch.zeros(1))
        optimiser = Optimiser(Settings().optim, [self.weight], 8)
        self.loop = TrainingLoop(run, "sft", optimiser, Settings(), total=8, save_every=3)

    def update(self, step: int) -> StepResult[SupervisedMetrics]:
        if step == self.at:
            os.kill(os.getpid(), self.number)
            if self.fails:
                raise ModelError("the process that judges is gone")
        optimiser = self.loop.optimiser
        loss = float(optimiser.add(((self.weight - torch.rand(())) ** 2).sum()))
        numbers = {"loss": loss, "lr": optimiser.rate, "grad_norm": optimiser.step()}
        return StepResult(SupervisedMetrics(step=step, tokens=1, **numbers))

    def save(self) -> None:
        self.run.write_json("sft/weight.json", self.weight.item(), stage="sft")

    def steps(self) -> Iterator[TrainingStep[SupervisedMetrics]]:
        return self.loop.steps(self.update, self.save)


def rows(run: RunDirectory) -> list[dict[str, object]]:
    return [{**row, "seconds": 0} for row in run.log("sft/metrics.jsonl").rows()]


@pytest.fixture(autouse=True)
def hung_up() -> Iterator[None]:
    """A terminal that is closed ends what is not told otherwise, also where these tests were told otherwise (nohup)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create(tmp_path / "run") as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    with RunDirectory.create(tmp_path_factory.mktemp("signal") / "whole") as made:
        list(Signalled(made).steps())
        return {"rows": rows(made), "weight": made.read_json("sft/weight.json")}


@pytest.mark.parametrize("at", [1, 3, 5, 8])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_step_under_way_is_finished_and_kept(
    at: int, number: int, status: int, run: RunDirectory, whole: dict[str, object]
) -> None:
    message = rf"^ended by SIG(TERM|HUP); step {at} of sft is kept in "
    with ending_by_signal(), pytest.raises(Terminated, match=message) as raised:
        list(Signalled(run, at=at, number=number).steps())
    assert raised.value.exit_status == status
    assert [row["step"] for row in rows(run)] == list(range(1, at + 1))
    kept = run.last_checkpoint("sft")
    assert kept is not None
    assert kept.step == at
    assert len(list(Signalled(run).steps())) == 8 - at
    assert {"rows": rows(run), "weight": run.read_json("sft/weight.json")} == whole


def test_a_step_that_fails_whose_own_processes_were_ended_too_leaves_the_one_before(
    run: RunDirectory, whole: dict[str, object]
) -> None:
    with ending_by_signal(), pytest.raises(Terminated, match="step 4 of sft is kept"):
        list(Signalled(run, at=5, fails=True).steps())
    assert len(list(Signalled(run).steps())) == 4
    assert {"rows": rows(run), "weight": run.read_json("sft/weight.json")} == whole


def test_a_signal_behind_an_error_does_not_take_its_place(run: RunDirectory) -> None:
    """As torchrun sends one where another process is gone, which this one has just found out itself."""
    stage = Signalled(run, at=5)

    def lose(step: int) -> StepResult[SupervisedMetrics]:
        if step == 5:
            raise TrainingStopped("one of the 2 processes has ended")
        return stage.update(step)

    def begin() -> None:
        try:
            list(stage.loop.steps(lose, stage.save))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with ending_by_signal(), pytest.raises(TrainingStopped, match="one of the 2 processes has ended; step 4 is kept"):
        begin()


def be_sent(number: int) -> None:
    os.kill(os.getpid(), number)
    pytest.fail("it went on")


def test_outside_of_steps_the_end_comes_where_it_is() -> None:
    with ending_by_signal(), pytest.raises(Terminated, match=r"^ended by SIGTERM$"):
        be_sent(signal.SIGTERM)


def test_steps_that_were_left_before_keep_nobody_waiting(run: RunDirectory) -> None:
    left = Signalled(run).steps()
    next(left)
    with ending_by_signal(), pytest.raises(Terminated, match=r"^ended by SIGTERM$"):
        be_sent(signal.SIGTERM)
    assert len(list(left)) == 7


def test_a_signal_that_nobody_acted_on_ends_the_run_behind_the_step() -> None:
    reached: list[int] = []

    def step() -> None:
        with step_under_way():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append(termination())

    with ending_by_signal(), pytest.raises(Terminated):
        step()
    assert reached == [signal.SIGTERM]


def test_a_second_signal_ends_at_once_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ending_by_signal():
        with pytest.raises(Terminated):
            be_sent(signal.SIGHUP)
        assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)] == [signal.SIG_DFL] * 2
    assert signal.getsignal(signal.SIGTERM) == before
    assert termination() == 0


def test_what_the_process_was_started_to_ignore_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_by_signal():
            os.kill(os.getpid(), signal.SIGHUP)
            assert termination() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_nothing_changes() -> None:
    before, inside = signal.getsignal(signal.SIGTERM), []

    def in_thread() -> None:
        with ending_by_signal():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert inside == [before]


ON_A_TERMINAL = """
import json, os, sys
from accord.run.stopping import ending_by_signal, step_under_way, termination
with ending_by_signal():
    try:
        with step_under_way():
            print("ready", flush=True)
            while not termination():
                pass
            print("into the void", flush=True)
            sys.stdout.flush()
            open(sys.argv[1], "w").write("kept")
    except KeyboardInterrupt as ended:
        sys.exit(ended.exit_status)
"""


def test_a_terminal_that_is_closed_does_not_keep_the_step_from_being_kept(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    kept = tmp_path / "kept"
    process = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0)\n{ON_A_TERMINAL}", kept],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    while b"ready" not in said:
        said += os.read(ours, 100)
    os.close(ours)  # the kernel sends SIGHUP
    assert process.wait(timeout=60) == 129
    assert kept.read_text() == "kept"
