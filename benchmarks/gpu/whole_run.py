"""A small recipe from its data to its report, by the command that a user gives."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.gpu.work import Work, items

__all__ = ["whole_run"]

PAIRS = 60
RECIPE = """
[data]
source = "pairs.jsonl"
format = "trl_preference"
ledger = "feedback.db"
train = 0.6
eval_reward = 0.2
held_out = 0.2
supervised = "chosen"

[sft]
base = "%(base)s"
%(common)s
epochs = 1
batch_size = %(batch)d
optim = { lr = 1e-4, warmup_steps = 0 }

[reward]
base = "%(base)s"
%(common)s
epochs = 1
step_completions = %(pairs)d
optim = { lr = 1e-4, warmup_steps = 0 }

[policy]
kind = "grpo"
%(common)s
max_steps = 2
prompts_per_step = 4
group_size = %(group)d
sampling = { max_tokens = %(new)d }
optim = { lr = 1e-5, warmup_steps = 0 }

[evaluate]
samples_per_prompt = 2
sampling = { max_tokens = %(new)d }

[evaluate.judge]
base = "%(base)s"
%(common)s
epochs = 1
step_completions = %(pairs)d
optim = { lr = 1e-4, warmup_steps = 0 }
"""
SECONDS = 420  # and no more


def whole_run(work: Work) -> dict[str, Any]:
    """Seconds and peak memory of each stage. Raises `RuntimeError` with what was said last where it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            {"prompt": item.prompt, "chosen": item.answers[0], "rejected": item.answers[1]}
            for item in items(PAIRS, work, answers=2, seed=11)
        ]
        (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        common = f'dtype = "{work.dtype}"\ndevice = "{work.device}"\nsave_every = 99'
        values = {"base": work.source, "common": common, "batch": work.batch, "pairs": 2 * work.batch}
        text = RECIPE % {**values, "group": work.group, "new": work.new_tokens}
        (folder / "recipe.toml").write_text(text)
        command = [sys.executable, "-m", "accord", "run", "recipe.toml", "--out", "run"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"status {done.returncode}: " + " / ".join(done.stderr.strip().splitlines()[-3:]))
        manifest = json.loads((folder / "run/manifest.json").read_text())
        stages = {
            stage: {
                "seconds": entry["seconds"],
                "peak_gb": _gb(entry.get("memory"), entry.get("gpu_memory"), on_gpu=work.device != "cpu"),
            }
            for stage, entry in manifest["stages"].items()
        }
        return {"stages": stages}


def _gb(memory: int | None, gpu_memory: int | None, *, on_gpu: bool) -> float | None:
    peak = gpu_memory if on_gpu else memory
    return None if peak is None else peak / 1e9
