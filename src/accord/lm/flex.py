"""Attention by blocks of places, of which those that nobody may see are never computed (FlexAttention).

Dong et al. 2024, arXiv 2412.05496. One compiled function serves all shapes. Blocks are found from the least and the
greatest segment, root and position of 128 places each: no tensor of all pairs of places is made, and nothing is read
by the host. On a CPU the function runs uncompiled, without gradients, which is enough to hold it against the others.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from accord.lm.layout import AttentionLayout, Segments

__all__ = ["BLOCK", "blocks", "by_blocks", "compile_errors"]

BLOCK = 128  # places of a block, of queries and of keys
LAST = 1 << 62  # for padding, which comes after all segments


def by_blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: AttentionLayout,
    window: int | None,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """softmax(cap(query key' * scaling) where seen) value, for query [B, H, T, D], key and value [B, K, T, D]."""
    block_mask = layout.memo(("blocks", window), lambda: blocks(layout, window))
    run = flex_attention if query.device.type == "cpu" else _compiled()
    out: Tensor = run(
        query,
        key,
        value,
        score_mod=None if softcap is None else _capped(softcap),
        block_mask=block_mask,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out


def compile_errors() -> tuple[type[Exception], ...]:
    """What is raised where a kernel cannot be made for this device, beside torch's own `RuntimeError`."""
    try:
        return (importlib.import_module("triton.errors").TritonError,)
    except (ImportError, AttributeError):
        return ()


@cache
def _compiled() -> Any:
    """One for the whole process: shapes are symbols in it, masks and caps are arguments."""
    return torch.compile(flex_attention, dynamic=True)


@cache
def _capped(softcap: float) -> Callable[..., Tensor]:
    """tanh(score / cap) * cap. One function for each cap: another function would be compiled again."""

    def cap(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return torch.tanh(score / softcap) * softcap

    return cap


def blocks(layout: AttentionLayout, window: int | None) -> BlockMask:
    """Which blocks of keys each block of queries looks at, and those of them that it sees as a whole.

    A block may be kept that has nothing to be seen, for what is seen within is asked again; none is left out that has.
    """
    rows, queries, keys = layout.shape
    if queries != keys or layout.first_B is not None:
        raise ValueError("blocks are of whole rows; a step over earlier keys has other ways")
    count = -(-queries // BLOCK)
    at_n = torch.arange(count * BLOCK, device=layout.device).clamp_(max=queries - 1)
    later = torch.arange(count, device=layout.device)
    before = later[:, None] > later[None, :]
    some, whole = (
        _of_places(at_n, before, window)
        if layout.segments is None
        else _of_segments(layout.segments, at_n, before, window)
    )
    some = (some | torch.eye(count, dtype=torch.bool, device=layout.device)) & ~whole
    partial, full = (_ordered(each.expand(rows, count, count)[:, None]) for each in (some, whole))
    return BlockMask.from_kv_blocks(
        *partial, *full, BLOCK_SIZE=BLOCK, mask_mod=layout.sees(window), seq_lengths=(queries, keys)
    )


def _ranges(value_BT: Tensor, at_n: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the greatest value of each block, [B, n]."""
    blocks_BnP = value_BT[:, at_n].unflatten(1, (-1, BLOCK))
    return blocks_BnP.amin(-1), blocks_BnP.amax(-1)


def _of_places(at_n: Tensor, before: Tensor, window: int | None) -> tuple[Tensor, Tensor]:
    """Blocks that one sequence from the first place on sees in part or as a whole, [1, n, n] each."""
    if window is None:
        return before[None], before[None]
    low, high = _ranges(at_n[None], torch.arange(len(at_n), device=at_n.device))
    near = low[:, :, None] - high[:, None, :] < window
    return before & near, before & (high[:, :, None] - low[:, None, :] < window)


def _of_segments(of: Segments, at_n: Tensor, before: Tensor, window: int | None) -> tuple[Tensor, Tensor]:
    """Blocks that are seen in part or as a whole, [B, n, n] each; the first may hold more, the second less."""
    padding = of.segment_BT < 0
    low, high = _ranges(of.segment_BT.masked_fill(padding, LAST), at_n)
    root_low, root_high = _ranges(of.root_BT.masked_fill(padding, LAST), at_n)

    def meet(query_low: Tensor, query_high: Tensor) -> Tensor:
        return (query_low[:, :, None] <= high[:, None, :]) & (low[:, None, :] <= query_high[:, :, None])

    some = before & (meet(low, high) | meet(root_low, root_high))
    one = (low == high)[:, None, :] & (root_low == root_high)[:, :, None] & (root_low[:, :, None] == low[:, None, :])
    whole = before & one
    if window is not None:
        first, last = _ranges(of.position_BT, at_n)
        some = some & (first[:, :, None] - last[:, None, :] < window)
        whole = whole & (last[:, :, None] - first[:, None, :] < window)
    return some, whole


def _ordered(blocks_B1nn: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of keys each block of queries has, [B, 1, n], and which, these first, [B, 1, n, n]."""
    flags = blocks_B1nn.to(torch.int32)
    order = flags.argsort(dim=-1, descending=True, stable=True)
    return flags.sum(-1, dtype=torch.int32), order.to(torch.int32).contiguous()
