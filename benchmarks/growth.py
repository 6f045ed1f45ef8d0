"""How accord's time and memory grow: with the batch, the length of texts, the answers to a prompt, the model."""

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from accord.lm import TokenizedCompletion, load, pack, token_logprobs
from accord.lm.layers import cut_layers
from accord.train.optimiser import Optim, Optimiser
from benchmarks import texts

__all__ = ["AXES", "BASE", "grown", "measure"]

ROOT = Path(__file__).parents[1]
BASE = {"batch": 8, "length": 128, "group": 1, "layers": 30}
AXES: dict[str, tuple[int, ...]] = {
    "batch": (4, 8, 16, 32),
    "length": (64, 128, 256, 512),
    "group": (1, 2, 4, 8),
    "layers": (8, 15, 30),
}


def grown(axis: str, value: int, environment: Mapping[str, str]) -> dict[str, Any]:
    """`measure` in a process of its own, with its peak of memory. Raises `RuntimeError` where that fails."""
    code = f"from benchmarks.growth import measure; import json; print(json.dumps(measure({axis!r}, {value})))"
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if process.returncode:
        raise RuntimeError(f"{axis} of {value}: {process.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    print(f"  {axis} {value}: {result['seconds']:.2f} s  {result['peak_gb']:.1f} GB", flush=True)
    return result


def measure(axis: str, value: int) -> dict[str, Any]:
    """Seconds of a supervised step of `batch` prompts with `group` answers, each of `length` tokens."""
    size = {**BASE, axis: value}
    causal = load("smollm2-135m", dtype="bfloat16")
    if size["layers"] != BASE["layers"]:
        cut_layers(causal, size["layers"])
    causal.model.train()
    optimiser = Optimiser(Optim(lr=1e-6, warmup_steps=0), causal.trainable(), 4)
    answers = _answers(causal, size)
    total = sum(len(answer.completion) for answer in answers)
    seconds = []
    for _ in range(3):
        began = perf_counter()
        for batch in pack(causal, answers):
            tokens = token_logprobs(causal, batch, batch.hidden(causal), entropy=False)
            optimiser.add(-tokens.logprob_N.sum() / total)
        optimiser.step()
        seconds.append(perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"axis": axis, "value": value, "seconds": min(seconds[1:]), "tokens": total, "peak_gb": peak}


def _answers(causal: Any, size: dict[str, int]) -> list[TokenizedCompletion]:
    """Prompts and answers of the very lengths asked, cut from natural text."""
    long = texts.items(size["batch"], answers=size["group"], seed=3)

    def cut(text: str) -> tuple[int, ...]:
        ids = list(causal.tokenizer(text)["input_ids"])
        return tuple((ids * (size["length"] // len(ids) + 1))[: size["length"]])

    return [
        TokenizedCompletion(cut(item.prompt), cut(text), row * size["group"] + place)
        for row, item in enumerate(long)
        for place, text in enumerate(item.answers)
    ]
