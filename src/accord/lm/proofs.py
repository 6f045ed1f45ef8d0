"""What is tried of a model when it is loaded, before a fast path is taken."""

import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.attention import use_grouped
from accord.lm.causal import CausalModel
from accord.lm.fused import fuse
from accord.lm.kv_cache import PrefillCache
from accord.lm.upcast import in_float32

__all__ = ["check_decoder", "try_packing"]


@torch.no_grad()
def check_decoder(causal: CausalModel) -> None:
    """Refuse what is no decoder with a linear head: every probability computed from it would be wrong."""
    ids_BT = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 0]], device=causal.device)
    hidden_BTD = causal.hidden(input_ids=ids_BT)
    if not torch.allclose(hidden_BTD[0, :3].float(), hidden_BTD[1, :3].float(), atol=1e-2, rtol=1e-2):
        raise ModelError(
            f"{causal.name}: its tokens see what comes after them, so it is no decoder; use a causal model"
        )
    theirs_TV = causal.model(input_ids=ids_BT[:1], use_cache=False).logits[0].float()
    if not torch.allclose(causal.logits(hidden_BTD[0]), theirs_TV, atol=1e-2, rtol=1e-2):
        raise ModelError(f"{causal.name}: its logits are not a linear head over its last hidden state; not supported")


@torch.no_grad()
def try_packing(causal: CausalModel) -> str:
    """Give the model attention of ours and hold a row of two sequences with one beginning against each alone.

    Returns why it cannot be used; empty where it can. The two are 1 2 3 | 4 5 and 1 2 3 | 6 2. They are compared in
    float32, whatever the weights are in: how far two right ways of computing in bfloat16 lie apart depends on the
    processor, and is more than many a mistake makes.
    """
    device = causal.device
    parts = (causal.backbone, causal.model.get_input_embeddings(), causal.layers)
    with in_float32(*parts):
        separate_2TD = causal.hidden(input_ids=torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 6, 2]], device=device))
    expected_TD = torch.cat([separate_2TD[0], separate_2TD[1, 3:]])
    use_grouped(causal.model)
    fuse(causal.model)
    kv_cache = PrefillCache()
    with in_float32(*parts):
        packed_TD = _packed_pair(causal, torch.float32, kv_cache)
    error = float((packed_TD - expected_TD).norm() / expected_TD.norm())
    if not error < TOLERANCE:
        return f"two sequences in a row give other numbers than each alone, by {error:.1g}"
    if not bool(_packed_pair(causal, next(causal.model.parameters()).dtype, PrefillCache()).isfinite().all()):
        return "two sequences in a row give numbers that are not finite"
    layers = causal.layers
    return "" if kv_cache.layers == layers else f"{kv_cache.layers} of {layers} layers attend through the interface"


def _packed_pair(causal: CausalModel, dtype: torch.dtype, kv_cache: PrefillCache) -> Tensor:
    """Hidden states, [7, D], of 1 2 3, what goes on with 4 5, and what goes on with 6 2, in one row."""
    seen_TT = torch.ones(7, 7, dtype=torch.bool).tril()
    seen_TT[5:, 3:5] = False
    mask_TT = torch.zeros(7, 7).masked_fill(~seen_TT, torch.finfo(torch.bfloat16).min)
    device = causal.device
    return causal.hidden(
        input_ids=torch.tensor([[1, 2, 3, 4, 5, 6, 2]], device=device),
        position_ids=torch.tensor([[0, 1, 2, 3, 4, 3, 4]], device=device),
        attention_mask=mask_TT[None, None].to(device=device, dtype=dtype),
        kv_cache=kv_cache,
    )[0]


TOLERANCE = 1e-3  # of the norm of the hidden states
