"""Large buffers come back from the allocator instead of the kernel.

glibc hands buffers above 32 MB at most back to the kernel when they are freed and asks for fresh, zeroed pages the
next time: a fifth of the time of a training step on a CPU. Raising two thresholds keeps them.
"""

import ctypes
import gc
import sys
from functools import cache
from pathlib import Path

__all__ = ["give_back_large_buffers", "keep_large_buffers", "peak_gb", "release_memory", "reset_peak"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
ONE_GIB = 1 << 30


@cache
def keep_large_buffers() -> bool:
    """Set glibc's thresholds once for this process; False where the C library is another."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, ONE_GIB)) and bool(mallopt(M_TRIM_THRESHOLD, 2 * ONE_GIB - 1))


def give_back_large_buffers() -> None:
    """Let glibc hand buffers above 1 MiB back again, where what is held counts more than the time; it stays so."""
    if sys.platform.startswith("linux") and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        for threshold in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
            mallopt(threshold, ONE_GIB >> 10)


def release_memory() -> None:
    """Return freed memory to the kernel, as between two stages whose buffers are of different sizes."""
    gc.collect()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def reset_peak() -> bool:
    """Let this process's peak of memory begin anew at what it holds now; False where the kernel cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_gb() -> float | None:
    """The most memory this process has held since `reset_peak`, in GB; None where the kernel does not tell."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
    return None if line is None else int(line.split()[1]) * 1024 / 1e9
