"""What each place may see, as models take it."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["seen_inputs"]

UNSEEN = torch.finfo(torch.bfloat16).min  # added to the scores of what must not be seen; finite in every dtype


def seen_inputs(
    seen_BTS: Tensor, query_BT: Tensor, key_BS: Tensor, window: int | None, dtype: torch.dtype
) -> dict[str, Any]:
    """What a model is handed over so that each place sees what `seen_BTS` says.

    Layers that look back only `window` positions (None: there are none) get a mask of their own, made from the
    positions of queries and keys, not from places in a row: in a packed row these differ.
    """
    inputs: dict[str, Any] = {"attention_mask": _mask(seen_BTS, dtype)}
    if window is not None and int(query_BT.max()) - int(key_BS.min()) >= window:
        near_BTS = query_BT[:, :, None] - key_BS[:, None, :] < window
        inputs["windows"] = {window: _mask(seen_BTS & near_BTS, dtype)}
    return inputs


def _mask(seen_BTS: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, 1, T, S], added to scores: 0 where a place may look, very negative elsewhere."""
    mask_BTS = torch.zeros(seen_BTS.shape, dtype=dtype, device=seen_BTS.device)
    return mask_BTS.masked_fill_(~seen_BTS, UNSEEN)[:, None]
