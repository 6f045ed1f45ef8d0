"""Which machine is measured, whether it is quiet, and as what it may play another one; no torch is needed for it."""

import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["BUSY", "PLAYED", "Load", "about", "busy_share", "instructions", "kind", "played", "source_digest"]

ROOT = Path(__file__).parents[1]
BUSY = 0.05  # share of the machine's time that others may take in a quiet one
LEVELS = {
    "amx": {"amx_bf16", "amx_tile"},
    "avx512_bf16": {"avx512f", "avx512_bf16"},
    "avx512": {"avx512f"},
    "avx2": {"avx2", "fma"},
}
"""From the most able to the least; a processor is of the first whose instructions it has all of."""

# A processor plays a lesser one where the three libraries that choose kernels are all told of it: oneDNN, MKL, ATen.
# accord's own kernels follow ATen; llama.cpp's and vLLM's do not, so that they are left out there.
PLAYED: dict[str, dict[str, str]] = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "ATEN_CPU_CAPABILITY": "avx512",
    },
    "avx512_bf16": {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "ATEN_CPU_CAPABILITY": "avx512",
    },
}
SWITCHES = ("ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA")
PACKAGES = ("torch", "transformers", "trl", "peft", "accord")
NAMED = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16")


@dataclass(frozen=True)
class Load:
    """Seconds of all cores since the machine started: `busy` in work, `stolen` by other machines, and `all`."""

    busy: float
    stolen: float
    all: float

    @classmethod
    def now(cls, stat: str | None = None) -> "Load":
        """As the kernel counts them (proc(5), /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal)."""
        line = (Path("/proc/stat").read_text() if stat is None else stat).splitlines()[0]
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in line.split()[1:9]]
        user, nice, system, _idle, _iowait, irq, softirq, steal = ticks
        return cls(user + nice + system + irq + softirq, steal, sum(ticks))

    def others_since(self, before: "Load", own: float) -> float:
        """The share of the machine that others took since then, where `own` seconds of processors were ours."""
        taken = self.busy - before.busy + self.stolen - before.stolen - own
        return max(0.0, taken) / max(self.all - before.all, 1e-9)


def busy_share(seconds: float = 3.0) -> float:
    """The share of the machine that others take now."""
    before = Load.now()
    time.sleep(seconds)
    return Load.now().others_since(before, 0.0)


def instructions(cpuinfo: str | None = None) -> list[str]:
    """Those of the processor that matter to products, as the kernel names them."""
    lines = _cpuinfo(cpuinfo)
    flags = next((line for line in lines if line.startswith("flags")), "")
    return [name for name in NAMED if name in flags.split()]


def played(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which the processor plays a lesser one."""
    return {name: environment[name] for name in SWITCHES if name in environment}


def kind(environment: Mapping[str, str], play: str | None = None, cpuinfo: str | None = None) -> str:
    """A name for machines whose figures belong together: processor, cores, instructions, and what is played on it.

    `ValueError` where `play` is no lesser processor than this one, or variables of the environment play another.
    """
    lines = _cpuinfo(cpuinfo)
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = re.sub(r"[^a-z0-9]+", "-", (names[0] if names else platform.processor() or "cpu").lower()).strip("-")
    level = _level(instructions(cpuinfo))
    here = f"{name}-{len(os.sched_getaffinity(0))}-cores-{level}"
    if play is not None:
        order = [*LEVELS, "plain"]
        if order.index(play) <= order.index(level):
            raise ValueError(f"this processor has {level}; it can play {', '.join(order[order.index(level) + 1 : -1])}")
        return f"{here}-as-{play}"
    if played(environment):
        raise ValueError(f"{', '.join(played(environment))} bind the libraries; unset them, or give --play")
    return here


def about(environment: Mapping[str, str], play: str | None, cpuinfo: str | None = None) -> dict[str, Any]:
    """What the numbers belong to, as far as it can be said without torch."""
    lines = _cpuinfo(cpuinfo)
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return {
        "kind": kind(environment, play, cpuinfo),
        "cpu": said.get("model name", platform.processor()),
        "family": "/".join(said.get(name, "?") for name in ("cpu family", "model")),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": instructions(cpuinfo),
        "played": None if play is None else {"as": play, **PLAYED[play]},
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
    }


def source_digest() -> str:
    """Of what is measured and of what measures it: other figures are no continuation of these."""
    digest = hashlib.sha256()
    for folder, patterns in ((ROOT / "src", ("*.py", "*.c", "*.h")), (ROOT / "benchmarks", ("*.py",))):
        for file in sorted(path for pattern in patterns for path in folder.rglob(pattern)):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _cpuinfo(text: str | None) -> list[str]:
    """The lines of the first processor."""
    file = Path("/proc/cpuinfo")
    whole = text if text is not None else file.read_text() if file.is_file() else ""
    return whole.split("\n\n")[0].splitlines()


def _level(found: list[str]) -> str:
    return next((level for level, needed in LEVELS.items() if needed <= set(found)), "plain")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
