"""The most memory that this process held since some moment, and the most that torch held on its GPUs.

On Linux the kernel's own mark (`VmHWM`) is set back to what is held now when a stage begins, so that it is that
stage's. Where that cannot be done, the peak is that of the whole process so far (`ru_maxrss`), which a stage shares
with those before it. Processes that this one starts are not counted.
"""

import re
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

__all__ = ["Peak", "PeakWatch"]

STATUS, SET_BACK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MARK = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)
OF_THE_PEAK = "5"  # what is set back
RU_MAXRSS = 1 if sys.platform == "darwin" else 1024  # bytes of its unit


@dataclass(frozen=True)
class Peak:
    """Bytes: of this process's memory, and of what torch held on all GPUs together; None where there is none."""

    memory: int | None = None
    gpu_memory: int | None = None

    def higher(self, peak: Self) -> "Peak":
        """The higher of both, number by number."""
        return Peak(_higher(self.memory, peak.memory), _higher(self.gpu_memory, peak.gpu_memory))


class PeakWatch:
    """Watches from when it is made until it is closed; several may, one within another."""

    _open: ClassVar[list["PeakWatch"]] = []

    def __init__(self) -> None:
        self._peak = Peak()
        _note(self._open)
        _set_back()
        self._open.append(self)

    @property
    def peak(self) -> Peak:
        """The highest so far."""
        if self in self._open:
            _note(self._open)
        return self._peak

    def close(self) -> None:
        """Watch no more; the peak stays what it is."""
        if self in self._open:
            _note(self._open)
            self._open.remove(self)


def _note(watches: list[PeakWatch]) -> None:
    if not watches:
        return
    now = Peak(_of_process(), _of_gpus())
    for watch in watches:
        watch._peak = watch._peak.higher(now)


def _of_process() -> int | None:
    try:
        found = MARK.search(STATUS.read_bytes())
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RU_MAXRSS


def _of_gpus() -> int | None:
    cuda = _cuda()
    return None if cuda is None else sum(cuda.max_memory_allocated(device) for device in range(cuda.device_count()))


def _set_back() -> None:
    """Let peaks begin with what is held now, as far as that can be done."""
    with suppress(OSError):  # not Linux, or not allowed: the peak is then the process's own
        SET_BACK.write_text(OF_THE_PEAK)
    if (cuda := _cuda()) is not None:
        for device in range(cuda.device_count()):
            cuda.reset_peak_memory_stats(device)


def _cuda() -> Any:
    """torch.cuda where this process has begun to use it; None where it has not, which must not begin it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def _higher(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)
