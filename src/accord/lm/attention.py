"""Attention by two plain batched matrix products, with key heads shared by their queries and never copied.

On a CPU this is faster, forward and backward, than fused attention, and than repeating every key head for the queries
that share it. On other devices the library's own choice stands.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface, eager_mask

__all__ = ["choose_attention", "grouped_attention"]

NAME = "accord_grouped"
# Families whose attention is softmax(q k' * scale + mask) v and nothing else: no capped scores, no sinks.
PLAIN = frozenset({"llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3", "smollm3"})


def grouped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """softmax(query key' * scaling + mask) value, for H query heads that share K key heads.

    query [B, H, T, D], key and value [B, K, S, D], mask [B, 1, T, S] (added; None where everything is seen) to
    [B, T, H, D]. The softmax is computed in float32.
    """
    B, H, T, D = query.shape
    K, S = key.shape[1:3]
    score_BHTS = torch.bmm(query.reshape(B * K, -1, D), key.reshape(B * K, S, D).mT).view(B, H, T, S) * scaling
    if attention_mask is not None:
        score_BHTS = score_BHTS + attention_mask
    weight_BHTS = torch.softmax(score_BHTS, dim=-1, dtype=torch.float32).to(query.dtype)
    weight_BHTS = nn.functional.dropout(weight_BHTS, p=dropout, training=module.training)
    out_BHTD = torch.bmm(weight_BHTS.view(B * K, -1, S), value.reshape(B * K, S, D)).view(B, H, T, D)
    return out_BHTD.transpose(1, 2).contiguous(), None


def choose_attention(model: PreTrainedModel, device: str) -> None:
    """Set the fastest attention that gives the model's own numbers on this device."""
    if not device.startswith("cpu"):
        return
    if model.config.get_text_config().model_type not in PLAIN:
        model.set_attn_implementation("eager")
        return
    AttentionInterface.register(NAME, grouped_attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)
