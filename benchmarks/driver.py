"""Runs every side of every stage in a process of its own, in turn, and sets the results side by side."""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.growth import AXES
from benchmarks.limits import decode_bound, machine_limits
from benchmarks.peers import MALLOC, SETTINGS
from benchmarks.stages import AGAINST_OURSELVES, GOALS, STAGES, Goal

__all__ = ["compare", "machine", "one", "run", "side_by_side"]

SLOW = ("grpo", "ppo", "generate16", "generate32")  # one step of these counts, in each repetition
WARM = 1  # steps of each process that do not count
AGREE = 0.02  # how far held-out losses of two sides may lie apart, as a share
Result = dict[str, Any]


def run(only: list[str], *, steps: int, repetitions: int) -> Iterator[Result]:
    """The whole benchmark, as far as it has come, after each stage.

    The first repetition tries every setting of a peer, the others its default and its best.
    """
    report: Result = {"machine": machine(), "limits": machine_limits(), "steps": steps, "results": [], "growth": []}
    for stage in [stage for stage in STAGES if not only or stage in only]:
        counted_steps = 1 if stage in SLOW else steps
        report["results"] += compare(stage, _stage(stage, counted_steps, repetitions), report["limits"])
        yield report
    if not only:
        report["growth"] = [_grown(axis, value) for axis, values in AXES.items() for value in values]
        yield report


def _stage(stage: str, steps: int, repetitions: int) -> dict[str, list[Result]]:
    peers = _peers(stage)
    results: dict[str, list[Result]] = {name: [] for name in ("accord", *peers)}
    for repetition in range(repetitions):
        settings = peers if repetition == 0 else list(dict.fromkeys((peers[0], _best(results, peers))))
        for name in ("accord", *settings):
            results[name].append(_measured(stage, name, steps))
    return results


def _peers(stage: str) -> list[str]:
    if stage in AGAINST_OURSELVES:
        return [AGAINST_OURSELVES[stage]]
    return [name for name in SETTINGS if name.startswith("generate") == stage.startswith("generate")]


def _best(results: dict[str, list[Result]], peers: list[str]) -> str:
    return min(peers, key=lambda name: min(map(_pace, results[name])) if results[name] else float("inf"))


def _pace(result: Result) -> float:
    """Seconds a step that counts; a token where sides may write different lengths."""
    seconds, tokens = result["seconds"][WARM:], result["tokens"][WARM:]
    if tokens and tokens[0] is not None:
        return sum(seconds) / sum(tokens)
    return float(median(seconds))


def _measured(stage: str, setting: str, steps: int) -> Result:
    """One process: its output is a file of JSON, its peak memory what the kernel says of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        malloc = MALLOC if SETTINGS.get(setting, {}).get("malloc") else {}
        if setting == AGAINST_OURSELVES.get(stage):
            stage, setting = setting, "accord"
        command = [sys.executable, "-m", "benchmarks", "one", stage, setting, str(WARM + steps), str(out)]
        environment = {**os.environ, **malloc, "BENCH_FOLDER": folder}
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"{stage}, {setting}: {process.stderr.strip()[-2000:]}")
        result: Result = json.loads(out.read_text())
    print(f"  {stage:<11} {setting:<30} {_pace(result):8.4f} s  {result['peak_gb']:.1f} GB", flush=True)
    return result


def _grown(axis: str, value: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "benchmarks", "one", axis, "growth", str(value), str(out)]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            raise RuntimeError(f"{axis} of {value}: {process.stderr.strip()[-2000:]}")
        result: Result = json.loads(out.read_text())
    print(f"  {axis} {value}: {result['seconds']:.2f} s  {result['peak_gb']:.1f} GB", flush=True)
    return result


def one(stage: str, setting: str, steps: int, out: Path) -> None:
    """What a process of `_measured` or `_grown` does; for the latter `stage` is the axis and `steps` the value."""
    if setting == "growth":
        from benchmarks import growth

        result = growth.measure(stage, steps)
    elif setting == "accord":
        from benchmarks import ours

        result = ours.measure(stage, steps)
    else:
        from benchmarks import peers

        result = peers.measure(stage, setting, steps)
    result["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    out.write_text(json.dumps(result))


def compare(stage: str, results: dict[str, list[Result]], limits: dict[str, float]) -> list[Result]:
    """A row for each peer setting: how many times as fast accord was, repetition by repetition."""
    share = _limit_share(stage, results["accord"], limits)
    peers = [name for name in results if name != "accord" and results[name]]
    best = _best(results, peers)
    return [_row(stage, name, results, share, peers, best) for name in peers]


def _row(
    stage: str, name: str, results: dict[str, list[Result]], share: float | None, peers: list[str], best: str
) -> Result:
    accord, peer = results["accord"], results[name]
    goal = GOALS.get(stage, Goal())
    ratio = side_by_side([_pace(result) for result in peer], [_pace(result) for result in accord])
    memory = _peak(accord) / _peak(peer)
    # Memory is to be held against the setting that trades it for speed; the limit is told once.
    speed_goal = goal.default if name == peers[0] else goal.best if name == best else None
    memory_goal = goal.memory if name in (*AGAINST_OURSELVES.values(), "GC off, malloc") else None
    limit_goal = goal.limit_share if name == best and share is not None else None
    row: Result = {
        "stage": stage,
        "peer": "accord" if stage in AGAINST_OURSELVES else "transformers" if stage.startswith("generate") else "trl",
        "peer_setting": name,
        "best_setting": name == best,
        "ratio": ratio,
        "seconds": {"accord": _seconds(accord), "peer": _seconds(peer)},
        "limit_share": share,
        "limit_goal": limit_goal,
        "limit_met": None if limit_goal is None or share is None else share >= limit_goal,
        "memory_ratio": memory,
        "memory_gb": {"accord": _peak(accord), "peer": _peak(peer)},
        "memory_goal": memory_goal,
        "memory_met": None if memory_goal is None else memory <= memory_goal,
        "goal": speed_goal,
        "met": None if speed_goal is None else ratio["median"] >= speed_goal,
    }
    if "held_out" in accord[0] and "held_out" in peer[0]:
        losses = row["held_out"] = {"accord": accord[0]["held_out"], "peer": peer[0]["held_out"]}
        difference = abs(losses["accord"] / losses["peer"] - 1)
        if difference > AGREE:
            raise RuntimeError(f"{stage}, {name}: held-out losses {losses} differ by {difference:.1%}: not equal work")
    return row


def side_by_side(peer: list[float], ours: list[float]) -> dict[str, float]:
    """Median over repetitions, and the lowest and highest of all pairs of one of each."""
    ratios = [peer_seconds / our_seconds for peer_seconds in peer for our_seconds in ours]
    return {"median": median(peer) / median(ours), "low": min(ratios), "high": max(ratios)}


def _seconds(results: list[Result]) -> float:
    return float(median(_pace(result) for result in results))


def _peak(results: list[Result]) -> float:
    return max(result["peak_gb"] for result in results)


def _limit_share(stage: str, ours: list[Result], limits: dict[str, float]) -> float | None:
    """The share of the best matrix product that training reaches; of the memory bound that a decoding step does."""
    pace = _seconds(ours)
    if stage.startswith("generate"):
        from benchmarks.ours import lengths_of

        lengths = lengths_of(stage)
        return decode_bound(BYTES, limits["read_gb"]) / (pace * sum(lengths) / max(lengths))
    if stage in ("grpo", *AGAINST_OURSELVES):
        return None
    from benchmarks.work import flops_of

    return flops_of(stage) / pace / 1e9 / limits["gflops"]


BYTES = 269e6  # the bfloat16 weights of SmolLM2-135M


def machine() -> dict[str, Any]:
    """What the numbers belong to."""
    from importlib.metadata import version

    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    packages = ("torch", "transformers", "trl", "peft", "accord")
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "flags": sorted({"avx512_bf16", "amx_bf16", "avx512f"} & set(" ".join(lines).split())),
        "load_before": os.getloadavg()[0],
        "versions": {name: version(name) for name in packages},
    }
