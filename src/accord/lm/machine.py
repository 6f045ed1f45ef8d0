"""How fast this machine multiplies matrices, measured once a process: what bfloat16 is worth here."""

import math
import os
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import torch
from torch.nn.functional import linear

__all__ = ["Products", "computes_bfloat16", "has_tiles", "products"]

ROWS, INNER, OUTER = 512, 576, 1536  # a batch of tokens times a gated layer of the packaged model
REPEATS = 6
WORTH = 1.5  # times as fast as float32: what bfloat16 must be, for it rounds more coarsely


@dataclass(frozen=True)
class Products:
    """GFLOP/s of a product of the packaged model's shapes on one core of the CPU."""

    float32: float
    bfloat16: float

    def __str__(self) -> str:
        return f"float32 {self.float32:,.0f} GFLOP/s a core, bfloat16 {self.bfloat16:,.0f}"


@cache
@torch.no_grad()
def products() -> Products:
    """The best of a few runs in each dtype, in turns and on one core, so that what else runs here matters least.

    It takes a tenth of a second, and a third where bfloat16 is emulated.
    """
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(size, INNER, generator=generator) for size in (ROWS, OUTER))
    operands = {dtype: (x.to(dtype), weight.to(dtype)) for dtype in (torch.float32, torch.bfloat16)}
    seconds = dict.fromkeys(operands, math.inf)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(REPEATS):
            for dtype, (left, right) in operands.items():
                begin = perf_counter()
                linear(left, right)
                seconds[dtype] = min(seconds[dtype], perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    work = 2e-9 * ROWS * INNER * OUTER
    return Products(work / seconds[torch.float32], work / seconds[torch.bfloat16])


@cache
def computes_bfloat16() -> bool:
    """Whether oneDNN takes bfloat16 on this CPU, and products in it are measurably faster than in float32.

    What the processor says of itself is no answer: with AVX-512 and no instructions of its own for bfloat16 oneDNN
    takes it, and is slower than in float32.
    """
    if not (torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())):
        return False
    measured = products()
    return measured.bfloat16 > WORTH * measured.float32


def has_tiles() -> bool:
    """Whether the processor multiplies bfloat16 in tiles (AMX), and oneDNN may use them."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    return bool(torch.cpu._is_amx_tile_supported()) and (limit in {"", "DEFAULT", "ALL"} or "AMX" in limit)
