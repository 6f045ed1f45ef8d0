"""Where models are computed: what stands in the way of a GPU, and what there is to say of the GPUs that are there.

Every model is opened by way of `resolve_device`, so what is wrong is one line before any weight is read. A GPU counts
as there when it has added two numbers: a driver, a build of torch or a mode of the GPU that does not fit is found so.
"""

import os
from collections.abc import Iterable
from functools import cache

import torch

from accord.errors import ModelError
from accord.run.launch import launch_of

__all__ = ["device_notes", "device_problem", "resolve_device"]

CPU = 'set device = "cpu", or leave it out'


def resolve_device(device: str) -> str:
    """The device, with `auto` resolved: CUDA where there is one. Raises `ModelError` where it cannot be computed on."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if problem := device_problem(device):
        raise ModelError(problem)
    return device


def device_problem(device: str) -> str:
    """Why a device cannot be computed on, and what to do; empty where it can, or `auto` takes another one."""
    if device != "cuda" and (device != "auto" or not torch.cuda.is_available()):
        return ""
    if not _build():
        return (
            f"device: cuda, and torch {torch.__version__} is built without it; install a build of torch for CUDA "
            f"(https://pytorch.org/get-started), or {CPU}"
        )
    if not torch.cuda.is_available():
        return f"device: cuda, and torch reaches no GPU ({_why_unreached()}); see what nvidia-smi says, or {CPU}"
    if why := _why_not_computing():
        return f"device: cuda, and a first sum on the GPU failed ({why}); see what nvidia-smi says, or {CPU}"
    return ""


def device_notes(forms: Iterable[tuple[str, str]], processes: int | None = None) -> list[str]:
    """What to know of the GPUs here for models of these devices and dtypes; nothing where none is used.

    `processes` is how many take part; unset: as many as torchrun started.
    """
    dtypes = {dtype for device, dtype in forms if device != "cpu"}
    if not dtypes:
        return []
    if not torch.cuda.is_available():
        is_hidden = _build() and os.environ.get("CUDA_VISIBLE_DEVICES") != ""
        return [f"device: auto is the CPU: torch reaches no GPU ({_why_unreached()})"] if is_hidden else []
    notes = []
    name = torch.cuda.get_device_name()
    if "bfloat16" in dtypes and not torch.cuda.is_bf16_supported(including_emulation=False):
        notes.append(
            f"dtype: {name} has no arithmetic in bfloat16, and emulates it slowly (GPUs of compute capability 8.0 and "
            'above have it); dtype = "float32" is faster there'
        )
    count, processes = torch.cuda.device_count(), processes or launch_of().count
    if count > processes:
        idle = count - processes
        notes.append(
            f"{count} GPUs are visible to {processes} process{'es' if processes > 1 else ''}: "
            f"{idle} of them {'lies' if idle == 1 else 'lie'} idle; `torchrun --standalone --nproc-per-node {count} -m "
            "accord run ...` trains on all of them, CUDA_VISIBLE_DEVICES=0 hides the others"
        )
    return notes


def _build() -> str | None:
    """What GPUs torch was built for: a version of CUDA, or of ROCm, which goes by the same name in torch."""
    return torch.version.cuda or torch.version.hip


def _why_unreached() -> str:
    """What torch says where it reaches no GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "CUDA_VISIBLE_DEVICES is empty, which hides them all"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return _first_line(error)
    return "no device"


@cache
def _why_not_computing() -> str:
    """What the GPU says to a first sum; empty where it gives one."""
    try:
        return "" if float(torch.ones(2, device="cuda").sum()) == 2 else "it is wrong"
    except RuntimeError as error:
        return _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
