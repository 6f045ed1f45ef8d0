"""What each place may see, as models take it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Window", "seen_inputs"]

UNSEEN = torch.finfo(torch.bfloat16).min  # added to the scores of what must not be seen; finite in float32 and bfloat16


@dataclass(frozen=True)
class Window:
    """How many positions layers look back: all layers, or those whose attention says so."""

    size: int
    everywhere: bool


def seen_inputs(
    seen_BTS: Tensor, query_BT: Tensor, key_BS: Tensor, window: Window | None, dtype: torch.dtype
) -> dict[str, Any]:
    """What a model is handed over so that each place sees what `seen_BTS` says.

    Layers with a window (None: there are none) get a mask that is made from the positions of queries and keys, not
    from places in a row: in a packed row these differ.
    """
    if window is None or int(query_BT.max()) - int(key_BS.min()) < window.size:
        return {"attention_mask": _mask(seen_BTS, dtype)}
    near = _mask(seen_BTS & (query_BT[:, :, None] - key_BS[:, None, :] < window.size), dtype)
    if window.everywhere:
        return {"attention_mask": near}
    return {"attention_mask": _mask(seen_BTS, dtype), "windows": {window.size: near}}


def _mask(seen_BTS: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, 1, T, S], added to scores: 0 where a place may look, very negative elsewhere."""
    mask_BTS = torch.zeros(seen_BTS.shape, dtype=dtype, device=seen_BTS.device)
    return mask_BTS.masked_fill_(~seen_BTS, UNSEEN)[:, None]
