"""Runs of `accord` by torchrun, and how far two runs of one recipe are apart."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

__all__ = ["begin", "launcher", "manifest_of", "numbers_apart", "rows_of", "torchrun", "weights_apart"]


def launcher(count: int) -> list[str]:
    """The command that starts so many processes."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]


def begin(arguments: list[str], home: Path, count: int = 2, *, module: str = "accord") -> subprocess.Popen[str]:
    """`torchrun --nproc-per-node COUNT -m MODULE ARGUMENTS`, begun in `home`."""
    return subprocess.Popen(
        [*launcher(count), "-m", module, *arguments],
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def torchrun(arguments: list[str], home: Path, count: int = 2, *, module: str = "accord") -> tuple[int, str, str]:
    """The same to its end: exit status of torchrun, what was printed, and what was printed as errors."""
    process = begin(arguments, home, count, module=module)
    out, errors = process.communicate()
    return process.returncode, out, errors


def rows_of(run: Path, file: str) -> list[dict[str, Any]]:
    """The rows of a file of a run."""
    return [json.loads(line) for line in (run / file).read_text().splitlines()]


def manifest_of(run: Path) -> dict[str, Any]:
    """The manifest of a run."""
    content: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return content


def numbers_apart(one: Any, other: Any) -> float:
    """The largest difference of two numbers at the same place of two rows, of those above 1 relative to them.

    Anything else must be the same.
    """
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return max((numbers_apart(one[key], other[key]) for key in one if key != "seconds"), default=0.0)
    if isinstance(one, list):
        assert len(one) == len(other)
        return max((numbers_apart(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    if isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) / max(1.0, abs(one))
    assert one == other
    return 0.0


def weights_apart(one: Path, other: Path, model: str, *, but: tuple[str, ...] = ()) -> float:
    """How far tensors in a folder of two runs are apart at most, of their norm, but for those of some names.

    A single number says little: where its gradient is next to nothing, AdamW makes full steps of rounding.
    """
    worst, compared = 0.0, 0
    for file in sorted((one / model).glob("*.safetensors")):
        first, second = load_file(file), load_file(other / model / file.name)
        assert first.keys() == second.keys()
        for name in first.keys() - set(but):
            one_W, other_W = first[name].double(), second[name].double()
            norm = max(float(other_W.norm()), 1e-3 * other_W.numel() ** 0.5)
            worst = max(worst, float((one_W - other_W).norm()) / norm)
            compared += 1
    assert compared
    return worst
