"""By which paths models are computed on this machine, and why: one row a part, as it was found.

    rows      whether sequences share one, and by which backend of attention; else each has its own
    layers    the faster ones of the Llama family, with compiled kernels or without, or the model's own
    decoder   who writes: compiled kernels, the fused decoder, the model's own modules, or nobody who keeps keys
    products  who multiplies bfloat16, of a model that is in it
    kernels   which compiler made them and for what, or why there are none

`paths_of` tells of a model that was loaded, from what was tried then (`accord.lm.proofs`). `paths_here` tells what can
be known without one, and loads no torch.
"""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from accord.deferred import deferred
from accord.lm.native.build import SWITCH, compiler

with deferred():
    import torch

    from accord.lm.causal import CausalModel
    from accord.lm.fused import uses_kernels
    from accord.lm.machine import computes_bfloat16
    from accord.lm.native.build import compiled
    from accord.lm.native.kernels import kernels_for
    from accord.lm.native_decoder import multiplies

__all__ = ["TakenPath", "paths_here", "paths_of", "say_paths", "telling_paths", "told_paths"]

BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""Instructions for products of bfloat16, as Linux names them."""
_tell: ContextVar[Callable[[str], None] | None] = ContextVar("tell", default=None)
_told: dict[tuple["TakenPath", ...], str] = {}
"""What was told of in this process, with the first model of each."""


@dataclass(frozen=True)
class TakenPath:
    """The choice that was made for one part of the computation, and why; `why` may be empty."""

    part: str
    choice: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.part}: {self.choice}" + (f" ({self.why})" if self.why else "")


def paths_of(causal: CausalModel) -> tuple[TakenPath, ...]:
    """What was taken for a model when it was loaded."""
    refused = causal.refused
    rows = f"shared, by {causal.attention}" if causal.packs else "one each"
    fused = "fused, with kernels" if uses_kernels(causal.model) else "fused"
    layers = "the model's own" if "layers" in refused else fused
    found = [TakenPath("rows", rows, refused.get("rows", "")), TakenPath("layers", layers, refused.get("layers", ""))]
    found.append(_decoder(causal))
    if causal.dtype == torch.bfloat16 and causal.device.type == "cpu":
        is_fast = computes_bfloat16()
        choice = "the library's" if is_fast else "of bfloat16 in float32"
        found.append(TakenPath("products", choice, "" if is_fast else "this processor has no fast ones of bfloat16"))
    if causal.device.type == "cpu":
        library = compiled()
        found.append(TakenPath("kernels", "compiled" if library.functions else "none", library.about))
    return tuple(found)


def _decoder(causal: CausalModel) -> TakenPath:
    refused = causal.refused
    if not causal.keeps:
        return TakenPath("decoder", "reads all again for each token", refused.get("decoder", ""))
    if causal.native:
        kernels = kernels_for(causal.dtype)
        own = "native, with products of its own" if kernels is not None and multiplies(kernels) else "native"
        return TakenPath("decoder", own, "held against the model's own numbers")
    if causal.by_hand:
        return TakenPath("decoder", "fused", refused.get("native", ""))
    return TakenPath("decoder", "the model's own modules", refused.get("by_hand", ""))


def paths_here(*, native: bool = True, bfloat16: bool = True) -> tuple[TakenPath, ...]:
    """What is known before any model is opened: of kernels, asked for by `native`, and of products of `bfloat16`."""
    if not native:
        kernels = TakenPath("kernels", "none", "native is off")
    elif os.environ.get(SWITCH) == "off":
        kernels = TakenPath("kernels", "none", f"{SWITCH} is off")
    elif (found := compiler()) is None:
        kernels = TakenPath("kernels", "none", "no C compiler was found")
    else:
        kernels = TakenPath("kernels", f"by {found}", "tried when a model is opened")
    features = _features()
    if features is None or not bfloat16:
        return (kernels,)
    if with_them := [name for name in BFLOAT16 if name in features]:
        return kernels, TakenPath("products", "of bfloat16 by the processor, if that is faster", ", ".join(with_them))
    return kernels, TakenPath("products", "of bfloat16 in float32", "this processor has no instructions for it")


def _features() -> frozenset[str] | None:
    """The instructions that Linux says the processor has; None where it does not say."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if platform.system() == "Linux" and file.is_file() else []
    named = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(named.partition(":")[2].split()) or None


@contextmanager
def telling_paths(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, `say` is told of each model that is opened, where models like it were not told of before."""
    token = _tell.set(say)
    try:
        yield
    finally:
        _tell.reset(token)


def say_paths(causal: CausalModel) -> None:
    """Tell whoever listens by which paths a model that was just loaded is computed."""
    say = _tell.get()
    if say is None:
        return
    taken = paths_of(causal)
    if taken not in _told:
        _told[taken] = causal.name
        say(f"{causal.name}: {'; '.join(map(str, taken))}")


def told_paths() -> list[tuple[str, TakenPath]]:
    """All that was told of in this process, each with the first model that it was found for."""
    return [(name, path) for taken, name in _told.items() for path in taken]
