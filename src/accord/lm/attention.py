"""Attention by two plain batched matrix products, with key heads shared by their queries and never copied.

On a CPU this is faster, forward and backward, than fused attention, and than repeating every key head for the queries
that share it. It enters a model through the attention interface of transformers; here the keys and values of earlier
positions (`kv_cache`) join those of a step. A model is tried with it when it is loaded, against its own attention.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from accord.lm.kv_cache import KeyValues

__all__ = ["NAME", "grouped_attention", "use_grouped"]

NAME = "accord_grouped"


def grouped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    kv_cache: KeyValues | None = None,
    sliding_window: int | None = None,
    windows: Mapping[int, Tensor] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """softmax(cap(query key' * scaling) + mask) value, for H query heads that share K key heads.

    query [B, H, T, D], key and value [B, K, S, D], mask [B, 1, T, S] (added; None where everything is seen) to
    [B, T, H, D]. `kv_cache` takes the keys and values and returns those to attend to; `windows` has the masks of
    layers that look back only `sliding_window` positions, where that is less than all.
    What else a model hands over is left aside: a model to which it matters fails its trial when it is loaded.
    """
    if kv_cache is not None:
        key, value = kv_cache.update(int(module.layer_idx), key, value)  # type: ignore[arg-type]  # a plain number
    if sliding_window is not None and windows is not None:
        attention_mask = windows[sliding_window]
    if query.device.type != "cpu" and softcap is None:
        fused = nn.functional.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout if module.training else 0.0, scale=scaling, enable_gqa=True
        )
        return fused.transpose(1, 2).contiguous(), None
    B, H, T, D = query.shape
    K, S = key.shape[1:3]
    scale = D**-0.5 if scaling is None else scaling
    # Scores are the largest tensors of a layer: the scale goes into the queries, the mask is added in place.
    score_BHTS = torch.bmm((query * scale).reshape(B * K, -1, D), key.reshape(B * K, S, D).mT).view(B, H, T, S)
    if softcap is not None:
        score_BHTS = torch.tanh(score_BHTS / softcap) * softcap
    if attention_mask is not None:
        score_BHTS = score_BHTS.add_(attention_mask)
    weight_BHTS = torch.softmax(score_BHTS, dim=-1)  # in float32 inside, whatever comes in and goes out
    if dropout and module.training:
        weight_BHTS = nn.functional.dropout(weight_BHTS, p=dropout)
    width = value.shape[-1]
    out_BHTD = torch.bmm(weight_BHTS.view(B * K, -1, S), value.reshape(B * K, S, width)).view(B, H, T, width)
    return out_BHTD.transpose(1, 2).contiguous(), None


def use_grouped(model: PreTrainedModel) -> None:
    """Have the model attend by `grouped_attention`. Raises `ValueError` where it cannot be told to."""
    AttentionInterface.register(NAME, grouped_attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)
