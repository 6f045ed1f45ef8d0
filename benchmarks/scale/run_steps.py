"""What is done with a run of so many steps, whose metrics and samples were written as a run writes them."""

import random
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from accord.artefacts import METRICS, PROMPTS, SAMPLES, OnlineMetrics, PromptRow, RolloutRow
from accord.records import Prompt
from accord.run import RunDirectory

__all__ = ["RUN_STEPS", "make_run", "run_step"]

RUN_STEPS = ("watch", "report", "audit")
PROMPTS_OF_RUN, GROUP, TOKENS = 40, 4, 24  # prompts; samples of a step, all of one prompt; tokens of a sample


def make_run(folder: Path, steps: int) -> dict[str, Any]:
    """A run whose policy learnt in so many steps, by the writers of every run."""
    prompts = [Prompt.ask(f"Question {number}?") for number in range(PROMPTS_OF_RUN)]
    with RunDirectory.create(folder, seed=0) as run:
        PROMPTS.write(run, (PromptRow(prompt, "train") for prompt in prompts))
        METRICS.write(run, map(_metrics, range(1, steps + 1)), stage="policy")
        SAMPLES.write(run, _samples([prompt.id for prompt in prompts], steps), stage="policy")
        return {"file_mb": round((run.path / SAMPLES.path("policy")).stat().st_size / 1e6)}


def _metrics(step: int) -> OnlineMetrics:
    draw = random.Random(step)
    return OnlineMetrics(
        step=step,
        lr=1e-5,
        grad_norm=draw.random(),
        seconds=1.0,
        reward=draw.gauss(0, 1),
        reward_std=1.0,
        kl=draw.random(),
        kl_se=0.1,
        entropy=2.0,
        clip_frac=0.01,
        policy_loss=0.0,
        length=float(TOKENS),
        stop_rate=1.0,
        sampler_logprob_diff=0.001,
        sampler_kl=0.0001,
    )


def _samples(prompts: list[str], steps: int) -> Iterator[RolloutRow]:
    for step in range(1, steps + 1):
        draw = random.Random(step)
        for index in range(GROUP):
            logprobs = tuple(round(-draw.random(), 6) for _ in range(TOKENS))
            yield RolloutRow(
                step=step,
                index=index,
                prompt=prompts[step % len(prompts)],
                text=f"answer {step} {index} " * 6,
                token_ids=tuple(draw.randrange(50_000) for _ in range(TOKENS)),
                rollout_logprobs=logprobs,
                logprobs=logprobs,
                reference_logprobs=tuple(value - 0.01 for value in logprobs),
                reward=draw.gauss(0, 1),
                finish_reason="eos",
                temperature=1.0,
            )


def run_step(step: str, folder: Path) -> dict[str, Any]:
    """What a user does with a run that is there: `accord watch --once`, `accord report`, `accord audit`."""
    from accord.cli.runs import report
    from accord.cli.watching import watch

    with (folder.parent / f"{step}.txt").open("w") as text, redirect_stdout(text):
        match step:
            case "watch":
                watch(folder, once=True)
            case "report":
                report(folder)
            case "audit":
                return _audit(folder)
            case _:
                raise ValueError(step)
    return {"page_mb": round((folder / "report.html").stat().st_size / 1e6, 1)} if step == "report" else {}


def _audit(folder: Path) -> dict[str, Any]:
    """All checks over what the run has, as the stage `audit` and the verb do them."""
    from accord.audit import examine

    with RunDirectory.open(folder) as run:
        findings = examine(run).findings
        return {"assessed": sum(finding.estimate is not None for finding in findings)}
