"""One measurement: a process that does one step, and tells what it took."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["measured", "measured_apart"]


def measured(step: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """Seconds of clock and processor, the greatest resident memory of this process, and what the step tells."""
    began, before = time.perf_counter(), _processor()
    told = step() or {}
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "processor_seconds": round(_processor() - before, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **told,
    }


def measured_apart(arguments: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """The same of a process of its own, which `benchmarks.scale one` is given these arguments.

    Raises `RuntimeError` with what it said where it fails, `subprocess.TimeoutExpired` where it takes longer.
    """
    command = [sys.executable, "-m", "benchmarks.scale", "one", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"{arguments}: status {done.returncode}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
