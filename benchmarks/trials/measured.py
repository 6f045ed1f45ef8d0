"""Every writer of `benchmarks.trials.sides` beside accord's in the same dtype, in turn, one thread each."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.decoding.environments import MissingPeerError, python_of
from benchmarks.machine import Load, about
from benchmarks.rows import ratios
from benchmarks.trials.sides import STEPS, WRITERS
from benchmarks.turns import Side, SideFailedError, TooSlowError

__all__ = ["trials"]

ENVIRONMENTS = {"vLLM": "vllm", "llama.cpp": "llama.cpp", "OpenVINO": "openvino"}
WEIGHTS = {
    "transformers": "in place",
    "torch.compile": "in place",
    "AOTInductor": "in place (`load_constants`, user-managed)",
    "oneDNN graph": "frozen in: trace again",
    "OpenVINO": "constants: convert and compile again",
    "llama.cpp": "a new file",
    "vLLM": "read again from a folder",
}
READY, TURN = 600.0, 300.0
Row = dict[str, Any]


def trials(only: Sequence[str], turns: int) -> dict[str, Any]:
    """A row a writer and dtype; what fails is a row with its error."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        facts, writing = Path(folder) / "facts", Path(folder) / "writing"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_WRITING": str(writing), "BENCH_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "benchmarks", "facts", str(facts)], env=environment, check=True)
        known = json.loads(facts.read_text())
        writing.write_text(json.dumps(known["writing"]))
        before, began = Load.now(), os.times()
        rows = [
            _row(writer, dtype, turns, environment)
            for writer in WRITERS
            if writer != "accord" and (not only or writer in only)
            for dtype in ("float32", "bfloat16")
        ]
    ended = os.times()
    own = ended.children_user + ended.children_system - began.children_user - began.children_system
    machine = about(os.environ, None)
    return {
        "about": f"{machine['cpu']} (family/model {machine['family']}), instructions "
        f"{', '.join(machine['instructions'])}, one thread each, {turns} turns of {STEPS} steps with 80 to 96 tokens "
        f"before them; others took {Load.now().others_since(before, own):.0%} of the machine. accord: "
        f"{known['path']['decoder']} at {machine['commit']}; torch {machine['versions']['torch']}, transformers "
        f"{machine['versions']['transformers']}, oneDNN {known['path']['onednn']}.",
        "rows": rows,
    }


def _row(writer: str, dtype: str, turns: int, environment: dict[str, str]) -> Row:
    row: Row = {"writer": writer, "dtype": dtype}
    try:
        row |= _measured(writer, dtype, turns, environment)
    except (SideFailedError, TooSlowError, MissingPeerError) as error:
        row["error"] = str(error).strip().splitlines()[-1][:300]
    print(json.dumps(row), flush=True)
    return row


def _measured(writer: str, dtype: str, turns: int, environment: dict[str, str]) -> Row:
    with ExitStack() as stack:
        ours, _ = _side(stack, "accord", dtype, environment)
        theirs, ready = _side(stack, writer, dtype, environment)
        told: dict[str, list[float]] = {"accord": [], "peer": []}
        for turn in range(1 + turns):
            for name, side in (("accord", ours), ("peer", theirs)):
                reply = side.step(TURN)
                if turn:
                    told[name].append(reply["processor"])
        texts = [side.finish(TURN)["texts"] for side in (ours, theirs)]
    alike = [a == b for text, other in zip(*texts, strict=True) for a, b in zip(text, other, strict=True)]
    return {
        "milliseconds": 1000 * median(told["peer"]) / STEPS,
        "accord": 1000 * median(told["accord"]) / STEPS,
        "ratio": ratios(told["peer"], told["accord"]),
        "ready": ready,
        "alike": sum(alike) / len(alike),
        "weights": WEIGHTS[writer],
    }


def _side(stack: ExitStack, writer: str, dtype: str, environment: dict[str, str]) -> tuple[Side, float]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    python = sys.executable
    if writer in ENVIRONMENTS:
        python = str(python_of(ENVIRONMENTS[writer]))
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    began = time.monotonic()
    command = [python, "-m", "benchmarks.trials.sides", writer, dtype]
    side = stack.enter_context(Side(command, environment, folder))
    side.ready(READY)
    return side, time.monotonic() - began
