"""One more token for many running sequences, with compiled kernels between the matrix products, or for all of it.

The arithmetic is that of `FusedDecoder`; norms, rotary positions, the cache, attention and the gate are three functions
of C (`accord.lm.native`). So are the products, from weights where they lie, but in bfloat16 on a processor that has
tiles for it (AMX): there the library's are taken. A processor without a compiler at hand has the other decoders.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from accord.lm.causal import CausalModel
from accord.lm.decoders import Decoder, FusedDecoder, ModelDecoder, Product, UncachedDecoder
from accord.lm.kv_cache import KVCache
from accord.lm.machine import computes_bfloat16, has_tiles
from accord.lm.native.build import instructions
from accord.lm.native.kernels import WIDEST, LinearLayers, kernels_for

__all__ = ["NativeDecoder", "build_decoder"]


def build_decoder(causal: CausalModel) -> Decoder:
    """The fastest of those that were found to compute what this model computes, up to its `switch`."""
    if not causal.keeps:
        return UncachedDecoder(causal)
    if causal.native:
        return NativeDecoder(causal)
    return FusedDecoder(causal) if causal.by_hand else ModelDecoder(causal)


class NativeDecoder(FusedDecoder):
    """Llama, Mistral, Qwen2 and Qwen3 on a CPU.

    Raises `ValueError` where there are no kernels for `dtype`, or none for heads as wide as the model's.
    """

    def __init__(self, causal: CausalModel, *, dtype: torch.dtype | None = None, copied: bool = True) -> None:
        computed = dtype or causal.dtype
        kernels = kernels_for(computed) if causal.device.type == "cpu" else None
        if kernels is None:
            raise ValueError(f"no kernels for {computed} on {causal.device}")
        self._kernels = kernels
        super().__init__(causal, dtype=dtype, copied=copied)
        config: Any = causal.model.config.get_text_config()
        width = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
        if width > WIDEST or width % 2:
            raise ValueError(f"no kernels for heads of {width}")
        self._final_norm = self._norm.to(self.dtype)

    def _product_of(self, *modules: nn.Linear) -> Product:
        kernels = self._kernels
        own = kernels.has_pairs and not has_tiles() if self.dtype == torch.bfloat16 and computes_bfloat16() else True
        if not (instructions() and own):
            return super()._product_of(*modules)
        layers = LinearLayers(modules, self.dtype)
        return lambda x, add=None: kernels.multiplied(x, layers, add)

    def step_hidden(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        kernels = self._kernels
        x_aD = self._embed[torch.tensor([sequence[-1] for sequence in sequences])].to(self.dtype)
        place_a = cache.make_room([len(sequence) - 1 for sequence in sequences], x_aD.device)
        cos_aD, sin_aD = (each[:, 0].contiguous() for each in self._angles(place_a + self.start, x_aD))
        for number, layer in enumerate(self._layers):
            qkv_aX = layer.qkv(kernels.normed(x_aD, layer.norm_in, self._eps))
            context_aX = kernels.attended(
                qkv_aX.view(len(x_aD), -1, layer.width),
                *cache.layer(number),
                layer.norms,
                cos_aD,
                sin_aD,
                place_a,
                window=layer.window,
                scaling=layer.scaling,
            )
            x_aD = layer.out(context_aX, x_aD)
            gate_up_aI2 = layer.gate_up(kernels.normed(x_aD, layer.norm_mlp, self._eps))
            x_aD = layer.down(kernels.gated(gate_up_aI2) if layer.is_silu else layer.gated(gate_up_aI2), x_aD)
        return kernels.normed(x_aD, self._final_norm, self._eps)
