"""Memory that was not enough: how torch says so on each device, and which settings would need less.

On a CPU the kernel may end a process before an allocation of its own fails; then nothing can be said here.
"""

import re
from typing import Any

from accord.deferred import deferred

with deferred():
    import torch

__all__ = ["is_out_of_memory", "memory_lacked"]

MARKS = re.compile(
    "can(no|')t allocate memory|not enough memory|out of memory|ALLOC_FAILED|cudaErrorMemoryAllocation", re.IGNORECASE
)
NUMBERS = re.compile(r"tried to allocate ([\d.]+ \w+)", re.IGNORECASE)
SHARE = 0.8  # of a device's memory: what to allow where nothing was said


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is an allocation that failed, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and MARKS.search(str(error)) is not None


def memory_lacked(error: BaseException, settings: object = None) -> str:
    """What was asked for and which settings to lower, for a message that begins with the place.

    Of `settings` those are named that they have and that are not low already. What changes no number may be changed for
    a run that goes on; the others begin the stage again.
    """
    wanted = NUMBERS.search(str(error))
    asked = f" (it asked for {_readable(wanted[1])} more)" if wanted else ""
    free, others = _remedies(settings)
    parts = [f"set {free} and go on with --resume"] if free else []
    parts += [f"begin the stage again with less: {', '.join(others)}"] if others else []
    return f"the memory of {_device(error)} was not enough{asked}; " + (
        "; or ".join(parts) if parts else "take a smaller model, or free some of it"
    )


def _remedies(settings: Any) -> tuple[str, list[str]]:
    """The setting that changes no number, if it is to be had, and those that do."""
    free = "checkpointing = true" if getattr(settings, "checkpointing", None) is False else ""
    others = []
    if hasattr(settings, "memory_gb"):
        now = settings.memory_gb
        others.append(f"memory_gb below {now:g}" if now else f"memory_gb = {_allowed():.1f} or below (now unset)")
    for name in ("prompts_per_step", "group_size"):
        if (value := getattr(settings, name, 1)) > 1:
            others.append(f"{name} below {value}")
    if getattr(settings, "lora", 0) is None:
        others.append("lora")
    if getattr(getattr(settings, "optim", None), "moments", None) == "float32":
        others.append('optim.moments = "8bit"')
    return free, others


def _allowed() -> float:
    """GB: a share of what the device has."""
    if torch.cuda.is_available():
        return SHARE * torch.cuda.get_device_properties().total_memory / 1e9
    import psutil

    system: Any = psutil
    return SHARE * float(system.virtual_memory().total) / 1e9


def _device(error: BaseException) -> str:
    text = str(error)
    return "the GPU" if isinstance(error, torch.OutOfMemoryError) or "CU" in text else "this process"


def _readable(amount: str) -> str:
    """Bytes, as the CPU's allocator counts them, in GB; what CUDA says as it is."""
    number, _, unit = amount.partition(" ")
    return f"{float(number) / 1e9:,.1f} GB" if unit == "bytes" else amount
