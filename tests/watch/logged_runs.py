"""Runs whose steps are logged by what makes runs, and that no model is needed for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from accord.artefacts import METRICS, SAMPLES, ComponentScore, OnlineMetrics, RolloutRow
from accord.run import RunDirectory

__all__ = ["begin_policy", "finish", "killed", "log_steps"]


def finish(run: RunDirectory, *stages: str) -> None:
    """Stages that are done."""
    for stage in stages:
        run.finish(stage, "settings", 2.0)


def begin_policy(run: RunDirectory, *, total: int = 10, stage: str = "policy") -> None:
    """A policy that has begun, of so many steps."""
    run.begin(stage)
    run.plan(stage, total)


def log_steps(run: RunDirectory, last: int, *, first: int = 1, stage: str = "policy", text: str = "a text") -> None:
    """Steps of two samples each, as an online algorithm logs them."""
    metrics, samples = METRICS.log(run, stage), SAMPLES.log(run, stage)
    for step in range(first, last + 1):
        metrics.append(METRICS.encode(_metrics(step)))
        samples.append(*(SAMPLES.encode(_sample(step, index, f"{text} of step {step}")) for index in range(2)))


def _metrics(step: int) -> OnlineMetrics:
    return OnlineMetrics(
        step=step,
        lr=1e-5,
        grad_norm=1.0 + step,
        seconds=2.0,
        reward=0.1 * step,
        reward_std=0.5,
        kl=0.5 * step,
        kl_se=0.1,
        entropy=3.0,
        clip_frac=0.0,
        policy_loss=-0.1,
        length=20.0,
        stop_rate=0.5,
        sampler_logprob_diff=0.0,
        sampler_kl=0.0,
        components={"helpful": 0.2 * step},
        extra={"peak_memory_gb": 1.5 + step},
    )


def _sample(step: int, index: int, text: str) -> RolloutRow:
    return RolloutRow(
        step=step,
        index=index,
        prompt=f"prompt-{index}",
        text=text,
        reward=0.1 * step,
        components={"helpful": ComponentScore(value=0.2 * step)},
    )


_BEGUN = """
import sys, time
from accord.run import RunDirectory
from logged_runs import begin_policy, finish, log_steps
run = RunDirectory.create(sys.argv[1])
finish(run, "data")
begin_policy(run)
log_steps(run, 4)
print("begun", flush=True)
time.sleep(600)
"""


def killed(path: Path) -> int:
    """A run of a process that was killed in its fourth step of ten; the number that the process had."""
    places = os.pathsep.join(place for place in sys.path if place)
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGUN, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": places}
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.pid
