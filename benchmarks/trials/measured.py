"""Every writer of `benchmarks.trials.sides` beside accord's in the same dtype, in turn, one thread each."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.decoding.environments import MissingPeerError, python_of
from benchmarks.machine import Load, about
from benchmarks.rows import ratios
from benchmarks.trials.sides import PROMPT, STEPS, WRITERS
from benchmarks.turns import Side, SideFailedError, TooSlowError

__all__ = ["trials"]

ENVIRONMENTS = {"vLLM": "vllm", "llama.cpp": "llama.cpp", "OpenVINO": "openvino"}
WEIGHTS = {
    "transformers": "in place",
    "torch.compile": "in place",
    "AOTInductor": "in place (`load_constants`, user-managed)",
    "oneDNN graph": "frozen in: trace again",
    "OpenVINO": "constants: convert and compile again",
    "llama.cpp": "in place, by its mapped file",
    "vLLM": "read again from a folder",
}
READY, TURN = 900.0, 900.0  # seconds; what compiles does it in its first turn
Row = dict[str, Any]


def trials(only: Sequence[str], dtypes: Sequence[str], turns: int) -> dict[str, Any]:
    """A row a writer and dtype; what fails is a row with its error."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        facts, writing = Path(folder) / "facts", Path(folder) / "writing"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "BENCH_WRITING": str(writing), "BENCH_THREADS": "1"}
        subprocess.run(
            [sys.executable, "-m", "benchmarks", "facts", str(facts), "--no-limits"], env=environment, check=True
        )
        known = json.loads(facts.read_text())
        writing.write_text(json.dumps(known["writing"]))
        before, began = Load.now(), os.times()
        rows = [row for dtype in dtypes for row in _rows(only, dtype, turns, environment)]
    ended = os.times()
    own = ended.children_user + ended.children_system - began.children_user - began.children_system
    return {"about": _about(known["path"], turns, Load.now().others_since(before, own)), "rows": rows}


def _about(path: dict[str, Any], turns: int, others: float) -> str:
    """Whose figures they are, in a sentence."""
    machine = about(os.environ, None)
    versions = machine["versions"]
    return (
        f"{machine['cpu']} (family/model {machine['family']}), instructions {', '.join(machine['instructions'])}; "
        f"one thread each, {turns} turns of {STEPS} steps after prompts of {PROMPT} tokens; others took "
        f"{others:.0%} of the machine. accord: {path['decoder']} at {machine['commit']}; "
        f"torch {versions['torch']}, transformers {versions['transformers']}, oneDNN {path['onednn']}."
    )


def _rows(only: Sequence[str], dtype: str, turns: int, environment: dict[str, str]) -> Iterator[Row]:
    """Every writer in one dtype; accord's side is opened once for all of them."""
    with ExitStack() as stack:
        ours = _side(stack, "accord", dtype, environment)
        for writer in WRITERS:
            if writer == "accord" or (only and writer not in only):
                continue
            row: Row = {"writer": writer, "dtype": dtype}
            try:
                row |= _measured(writer, dtype, turns, ours, environment)
            except (SideFailedError, TooSlowError, MissingPeerError) as error:
                row["error"] = str(error).strip().splitlines()[-1][:300]
            print(json.dumps(row), flush=True)
            yield row


def _measured(writer: str, dtype: str, turns: int, ours: Side, environment: dict[str, str]) -> Row:
    told: dict[str, list[float]] = {"accord": [], "peer": []}
    texts: dict[str, list[list[int]]] = {}
    with ExitStack() as stack:
        began = time.monotonic()
        theirs = _side(stack, writer, dtype, environment)
        for turn in range(1 + turns):
            for name, side in (("accord", ours), ("peer", theirs)):
                reply = side.step(TURN)
                texts[name] = reply["texts"]
                if not turn and name == "peer":
                    ready = time.monotonic() - began
                if turn:
                    told[name].append(reply["processor"])
    alike = [a == b for text, other in zip(*texts.values(), strict=True) for a, b in zip(text, other, strict=True)]
    return {
        "milliseconds": 1000 * median(told["peer"]) / STEPS,
        "accord": 1000 * median(told["accord"]) / STEPS,
        "ratio": ratios(told["peer"], told["accord"]),
        "ready": ready,
        "alike": sum(alike) / len(alike),
        "weights": WEIGHTS[writer],
    }


def _side(stack: ExitStack, writer: str, dtype: str, environment: dict[str, str]) -> Side:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    python = sys.executable
    if writer in ENVIRONMENTS:
        python = str(python_of(ENVIRONMENTS[writer]))
        environment = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    command = [python, "-m", "benchmarks.trials.sides", writer, dtype]
    side = stack.enter_context(Side(command, environment, folder))
    side.ready(READY)
    return side
