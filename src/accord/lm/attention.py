"""The one place where queries meet keys, reached through the attention interface of transformers.

A batch says what its places may see (`accord.lm.layout`); here a backend makes of that what it needs:

    grouped   two plain batched products, key heads shared by their queries and never copied, beside a dense mask. On a
              CPU this is faster, forward and backward, than fused attention. Steps of one token take it everywhere: it
              reads every key and value once, and their scores are small
    sdpa      torch's fused attention: causal where each row is one sequence, which its flash kernels take; else beside
              a dense mask, with key heads repeated, for its kernels refuse a mask together with shared key heads
    flex      blocks of packed rows that nobody sees are left out (`accord.lm.flex`); a row of one sequence takes `sdpa`

The keys and values of earlier positions (`kv_cache`) join those of a step here. A model is tried with a backend when it
is loaded, against its own attention (`accord.lm.proofs`).
"""

from typing import Any, Literal

from accord.deferred import deferred

with deferred():
    import torch
    from torch import Tensor, nn
    from torch.nn.functional import scaled_dot_product_attention
    from transformers import AttentionInterface, PreTrainedModel, masking_utils
    from transformers.masking_utils import AttentionMaskInterface

    from accord.lm.flex import by_blocks
    from accord.lm.kv_cache import KeyValues
    from accord.lm.layout import AttentionLayout
    from accord.lm.products import batched

__all__ = ["NAME", "AttentionChoice", "attend", "use_attention"]

NAME = "accord"
AttentionChoice = Literal["auto", "grouped", "sdpa", "flex"]


def attend(
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
    layout: AttentionLayout | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """softmax(cap(query key' * scaling) + mask) value, for H query heads that share K key heads.

    query [B, H, T, D], key and value [B, K, S, D] to [B, T, H, D]. What is seen is what `layout` says; without one,
    what the mask [B, 1, T, S] says, which is added (None: everything is seen). `kv_cache` takes the keys and values and
    returns those to attend to; `sliding_window` is how far this layer looks back, where that is less than all.
    What else a model hands over is left aside: a model to which it matters fails its trial when it is loaded.
    """
    if kv_cache is not None:
        key, value = kv_cache.update(int(module.layer_idx), key, value)  # type: ignore[arg-type]  # a plain number
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    dropout = dropout if module.training else 0.0
    if layout is None:
        out_BHTD = _grouped(query, key, value, attention_mask, scale, dropout, softcap)
    else:
        window = layout.window_of_layer(sliding_window)
        out_BHTD = _by_backend(query, key, value, layout, window, scale, dropout, softcap)
    return out_BHTD.transpose(1, 2).contiguous(), None


def _by_backend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    layout: AttentionLayout,
    window: int | None,
    scale: float,
    dropout: float,
    softcap: float | None,
) -> Tensor:
    """Attention by the layout's backend, or the next that can: flex drops nothing out, and sdpa caps nothing."""
    fuses = query.shape[2] > 1 and softcap is None
    if layout.backend != "grouped" and fuses and window is None and layout.is_causal:
        return scaled_dot_product_attention(
            query, key, value, None, dropout, is_causal=True, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
        )
    if layout.backend == "flex" and query.shape[2] > 1 and not dropout:
        return by_blocks(query, key, value, layout, window, scale, softcap)
    mask = layout.mask(window, query.dtype)
    if layout.backend != "grouped" and fuses:
        shared = query.shape[1] // key.shape[1]
        key, value = (each.repeat_interleave(shared, 1) if shared > 1 else each for each in (key, value))
        return scaled_dot_product_attention(query, key, value, mask, dropout, scale=scale)
    return _grouped(query, key, value, mask, scale, dropout, softcap)


def _grouped(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float,
    dropout: float,
    softcap: float | None,
) -> Tensor:
    B, H, T, D = query.shape
    K, S = key.shape[1:3]
    # Scores are the largest tensors of a layer: the scale goes into the queries, the mask is added in place.
    score_BHTS = batched((query * scale).reshape(B * K, -1, D), key.reshape(B * K, S, D).mT).view(B, H, T, S)
    if softcap is not None:
        score_BHTS = torch.tanh(score_BHTS / softcap) * softcap
    if mask is not None:
        score_BHTS = score_BHTS.add_(mask)
    weight_BHTS = torch.softmax(score_BHTS, dim=-1)  # in float32 inside, whatever comes in and goes out
    if dropout:
        weight_BHTS = nn.functional.dropout(weight_BHTS, p=dropout)
    width = value.shape[-1]
    return batched(weight_BHTS.view(B * K, -1, S), value.reshape(B * K, S, width)).view(B, H, T, width)


def use_attention(model: PreTrainedModel) -> None:
    """Have the model attend by `attend`. Raises `ValueError` where it cannot be told to."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, masking_utils.eager_mask)
    model.set_attn_implementation(NAME)
