"""Where models are computed: what stands in the way of a GPU, and what there is to say of the GPUs that are there.

Every model is opened by way of `resolve_device`, so what is wrong is one line before any weight is read. A GPU counts
as there when it has added two numbers: a driver, a build of torch or a mode of the GPU that does not fit is found so.
Torch is loaded where it could reach a GPU at all: it is built for one, and one's driver is here.
"""

import os
import runpy
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from accord.deferred import deferred
from accord.errors import ModelError
from accord.run.launch import launch_of

with deferred():
    import torch

__all__ = ["device_notes", "device_problem", "resolve_device"]

CPU = 'set device = "cpu", or leave it out'
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What Linux has where there is a driver of NVIDIA's or AMD's, or Windows' own below it."""


def resolve_device(device: str) -> str:
    """The device, with `auto` resolved: CUDA where there is one. Raises `ModelError` where it cannot be computed on."""
    if device == "auto":
        device = "cuda" if _is_reached() else "cpu"
    if problem := device_problem(device):
        raise ModelError(problem)
    return device


def device_problem(device: str) -> str:
    """Why a device cannot be computed on, and what to do; empty where it can, or `auto` takes another one."""
    if device != "cuda" and (device != "auto" or not _is_reached()):
        return ""
    if not _build():
        return (
            f"device: cuda, and torch {_torch_version().__version__} is built without it; install a build of torch for "
            f"CUDA (https://pytorch.org/get-started), or {CPU}"
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
    if not _is_reached():
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
    version = _torch_version()
    gpus: str | None = version.cuda or version.hip
    return gpus


def _torch_version() -> Any:
    """What torch says of its build, in a file of its own that is read without the rest of it."""
    if "torch" in sys.modules:
        return torch.version
    spec = find_spec("torch")
    places = (spec.submodule_search_locations if spec is not None else None) or ()
    files = [file for place in places if (file := Path(place) / "version.py").is_file()]
    return SimpleNamespace(**runpy.run_path(str(files[0]))) if files else torch.version


def _is_reached() -> bool:
    """Whether torch reaches a GPU; it is not loaded to ask where it cannot."""
    if "torch" not in sys.modules and not (_build() and _has_driver()):
        return False
    return torch.cuda.is_available()


def _has_driver() -> bool:
    return sys.platform != "linux" or any(Path(name).exists() for name in DRIVERS)


def _why_unreached() -> str:
    """What torch says where it reaches no GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "CUDA_VISIBLE_DEVICES is empty, which hides them all"
    if "torch" not in sys.modules and not _has_driver():
        return f"no driver of one is here, none of {', '.join(DRIVERS)}"
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
