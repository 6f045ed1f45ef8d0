"""Compiles a library of kernels for this processor, once, and says why where that cannot be done.

What is compiled is kept in the cache folder under a digest of the source, the compiler, its flags and the processor:
another of any of them has another file. It knows nothing of torch but pointers, so it is bound to no version of it.
"""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from ctypes import CDLL
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from accord.deferred import deferred
from accord.fetch import cache_folder

with deferred():
    import torch

__all__ = ["ADAMW", "KERNELS", "LAYERS", "SWITCH", "Library", "Source", "compiled", "compiler", "instructions"]

FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC")
THREADS = ("-fopenmp", "-fopenmp-simd")  # of the first that the compiler takes
SECONDS = 600  # until a compiler is given up
SWITCH = "ACCORD_NATIVE"
COMPILERS = ("cc", "gcc", "clang")
WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")  # as oneDNN names them
log = logging.getLogger("accord")


@dataclass(frozen=True)
class Source:
    """Files of this folder, of which the first is compiled, and flags that it takes beside those of all."""

    files: tuple[str, ...]
    flags: tuple[str, ...] = ()


KERNELS = Source(("kernels.c", "numbers.h", "typed.h", "strips.h", "pairs.h", "product.h", "step.h"))
LAYERS = Source(
    ("layers.c", "numbers.h", "layers.h"), ("-fno-trapping-math", "-fno-math-errno")
)  # or gcc keeps branches
ADAMW = Source(("adamw.c", "numbers.h", "adamw.h"), ("-ffp-contract=off", "-fno-math-errno"))


@dataclass(frozen=True)
class Library:
    """The compiled functions, or none and why. `about` says which compiler made them, for which instructions."""

    functions: CDLL | None
    about: str


@cache
def compiled(source: Source = KERNELS) -> Library:
    """The kernels for this processor, compiled if they were not before. Says in the log where they cannot be had."""
    library = _compiled(source)
    log.log(logging.DEBUG if library.functions else logging.INFO, "%s: %s", source.files[0], library.about)
    return library


def _compiled(source: Source = KERNELS) -> Library:
    if os.environ.get(SWITCH) == "off":
        return Library(None, f"{SWITCH} is off")
    path = compiler()
    if path is None:
        return Library(None, f"no C compiler was found ({', '.join(COMPILERS)}, or CC)")
    sources = {name: files("accord.lm.native").joinpath(name).read_bytes() for name in source.files}
    try:
        version = _run([path, "--version"]).partition("\n")[0]
        for threads in THREADS:
            flags = (*FLAGS, *source.flags, threads, *instructions())
            key = _key(*sources.values(), *map(str.encode, (version, *flags)))
            target = cache_folder() / "native" / key / f"{Path(source.files[0]).stem}.so"
            problem = _make(path, flags, sources, target)
            if not problem:
                return Library(_loaded(target), f"{version}, {' '.join(flags)}")
    except (OSError, subprocess.SubprocessError) as error:
        return Library(None, f"{path} gave nothing that can be used ({_first_line(error)})")
    return Library(None, f"{path} cannot compile them ({problem})")


def compiler() -> str | None:
    """The path of a C compiler: that of CC, else the first that is there."""
    named = os.environ.get("CC")
    return next((path for name in ([named] if named else COMPILERS) if (path := shutil.which(name))), None)


def instructions() -> tuple[str, ...]:
    """Flags for the instructions of this processor, as far as torch and oneDNN use them.

    That is what `ATEN_CPU_CAPABILITY` and, for products of bfloat16, `ONEDNN_MAX_CPU_ISA` may limit.
    """
    if platform.machine().lower() in {"aarch64", "arm64"}:
        return ("-mcpu=native",)
    capability = torch.backends.cpu.get_cpu_capability()
    if capability.startswith("AVX512"):
        hidden = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in WITHOUT_BFLOAT16
        return ("-march=native", "-mno-avx512bf16") if hidden else ("-march=native",)
    return ("-march=native", "-mno-avx512f") if capability == "AVX2" else ()


def _key(*parts: bytes) -> str:
    """A short digest of all that decides what is compiled, the processor's own list of instructions among it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    model = next((line for line in lines if line.startswith("model name")), platform.machine())
    return hashlib.sha256(b"\0".join([*parts, features.encode(), model.encode()])).hexdigest()[:16]


def _make(path: str, flags: tuple[str, ...], sources: Mapping[str, bytes], target: Path) -> str:
    """Compile to `target`, unless it is there; it appears whole or not at all. Returns what was wrong."""
    if target.is_file():
        return ""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        for name, content in sources.items():
            (Path(folder) / name).write_bytes(content)
        result = subprocess.run(
            [path, *flags, str(Path(folder) / next(iter(sources))), "-o", str(made), "-lm"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if result.returncode:
            return _first_line(result.stderr)
        os.replace(made, target)
    return ""


def _loaded(file: Path) -> CDLL:
    """The compiled file; what cannot be loaded is deleted, so that it is compiled again the next time."""
    try:
        return CDLL(str(file))
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
