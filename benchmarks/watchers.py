"""Planted over-optimisation as a log of GRPO, before accord's audit and before two watchers of training logs.

`python -m benchmarks.watchers` makes runs with the fault, without any, and of a sound reward under as much pressure,
writes what TRL would have written of each, and asks all three. The watchers are `rldoctor` and `rlprobe` of PyPI, which
accord does not depend on: install them beside it.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from accord.artefacts import JUDGED_ROLLOUTS, METRICS, PROMPTS, SAMPLES, OnlineMetrics, Verdict
from accord.audit.checks import CHECKS
from accord.audit.examine import examine
from accord.foreign.settings import ReadingSettings
from accord.lab import FAULTS, plant
from accord.lab.planted.worlds import WORLDS
from accord.loop.audited import audited_run
from accord.run import RunDirectory

__all__ = ["as_trl", "logged_steps"]

FAULT = "over-optimisation"
REWARD, JUDGE = "proxy", "other_judge"


def as_trl(run: RunDirectory, folder: Path) -> None:
    """Write what TRL's GRPO would leave of a planted run: its log, and a table a step with both scores.

    The proxy has weight 1 and the judge weight 0, so that the sum that is learnt from is the proxy.
    """
    import pandas

    (folder / "completions").mkdir(parents=True)
    history = []
    for step in logged_steps(run):
        rows = step.pop("rows")
        history.append(step)
        table = {
            "step": step["step"],
            "prompt": [row["prompt"] for row in rows],
            "completion": [r["text"] for r in rows],
        }
        table |= {name: [row[name] for row in rows] for name in (REWARD, JUDGE)} | {"advantage": 0.0}
        pandas.DataFrame(table).to_parquet(folder / "completions" / f"completions_{step['step']:05d}.parquet")
    state = {"global_step": history[-1]["step"], "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))


def logged_steps(run: RunDirectory) -> Iterator[dict[str, Any]]:
    """Each step as TRL logs it, with its texts under `rows`."""
    prompts = {row.prompt.id: row.prompt.text for row in PROMPTS.read(run)}
    judged = {(row.step, row.index): row.eval_reward for row in JUDGED_ROLLOUTS.read(run)}
    metrics = {row.step: row for row in METRICS.read(run, "policy") if isinstance(row, OnlineMetrics)}
    for step, of_step in groupby(SAMPLES.read(run, "policy"), key=lambda row: row.step):
        rows = [
            {"prompt": prompts[row.prompt], "text": row.text, REWARD: row.reward, JUDGE: judged[step, row.index]}
            for row in of_step
        ]
        logged = metrics[step]
        groups: dict[str, list[float]] = {}
        for row in rows:
            groups.setdefault(row["prompt"], []).append(row[REWARD])
        yield {
            "step": step,
            "loss": 0.0,
            "reward": float(np.mean([row[REWARD] for row in rows])),
            "reward_std": float(np.std([row[REWARD] for row in rows], ddof=1)),
            **{f"rewards/{name}/mean": float(np.mean([row[name] for row in rows])) for name in (REWARD, JUDGE)},
            "frac_reward_zero_std": float(np.mean([np.std(group) == 0 for group in groups.values()])),
            "kl": max(logged.kl or 0.0, 0.0) / (logged.length or 1.0),
            "entropy": logged.entropy,
            "completions/mean_length": logged.length,
            "completions/clipped_ratio": 0.0,
            "rows": rows,
        }


def ask_accord(folder: Path) -> list[str]:
    """What fires of RG2."""
    with audited_run(str(folder), write=True, reading=ReadingSettings()) as audited:
        report = examine(audited.run, only=("RG2",), elsewhere=audited.elsewhere)
    return [finding.id for finding in report.findings if finding.verdict is Verdict.FIRES]


def ask_rldoctor(run: RunDirectory, *, judge: bool) -> list[str]:
    """What it finds in the log; with the judge's means as its held-out score, or without."""
    from rl_doctor import diagnose, run_from_records

    records = [
        {name: value for name, value in step.items() if name != "rows" and not name.startswith("rewards/")}
        | ({"eval_score": step[f"rewards/{JUDGE}/mean"]} if judge else {})
        for step in logged_steps(run)
    ]
    found = diagnose(run_from_records(records, config={"algorithm": "grpo", "kl_coef": 0.1}))
    return [f"{each.detector} ({each.severity.name.lower()})" for each in found.problems]


def ask_rlprobe(run: RunDirectory, folder: Path) -> list[str]:
    """What it finds in its own recording of the log and all texts."""
    from rlprobe.doctor.engine import diagnose
    from rlprobe.recorder.core import Recorder

    recorder = Recorder(folder, algorithm="grpo", capture_env=False, install_handlers=False)
    for step in logged_steps(run):
        rows = step["rows"]
        recorder.log_step(
            step["step"],
            reward_mean=step["reward"],
            reward_std=step["reward_std"],
            kl_mean=step["kl"],
            entropy_mean=step["entropy"],
            completion_len_mean=step["completions/mean_length"],
            truncation_rate=0.0,
            eos_rate=1.0,
            zero_variance_group_frac=step["frac_reward_zero_std"],
        )
        samples: list[Mapping[str, Any]] = [
            {"group_id": row["prompt"], "prompt_text": row["prompt"], "completion_text": row["text"]}
            | {"reward_total": row[REWARD], "completion_len": len(row["text"].split())}
            for row in rows
        ]
        recorder.log_samples(step["step"], samples, select=False)
    recorder.close()
    return [f"{each.signature_id} ({each.severity})" for each in diagnose(folder)]


def main() -> None:
    """A line a run: the fault, the seed, the steps, and what each of them says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, nargs="+", default=[14, 60])
    asked = parser.parse_args()
    checks = [check for check in CHECKS if check.challenge.id == "RG2"]
    for steps in asked.steps:
        world = replace(WORLDS.get("words"), steps=steps)
        pressed = replace(world, pressure=FAULTS.get(FAULT).strengths[-1])
        for name, fault, place_of in (
            (FAULT, FAULTS.get(FAULT)(), world),
            ("none", None, world),
            ("pressed", None, pressed),
        ):
            for seed in range(asked.seeds):
                with (
                    tempfile.TemporaryDirectory() as place,
                    plant(Path(place) / "run", fault, seed=seed, world=place_of, checks=checks) as run,
                ):
                    as_trl(run, Path(place) / "trl")
                    said = {
                        "accord": ask_accord(Path(place) / "trl"),
                        "rldoctor": ask_rldoctor(run, judge=False),
                        "rldoctor with the judge": ask_rldoctor(run, judge=True),
                        "rlprobe": ask_rlprobe(run, Path(place) / "probe"),
                    }
                print(json.dumps({"fault": name, "seed": seed, "steps": steps} | said), flush=True)


if __name__ == "__main__":
    main()
