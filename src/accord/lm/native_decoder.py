"""One more token for many running sequences, with compiled kernels between the matrix products, or for all of it.

The arithmetic is that of `FusedDecoder`; norms, rotary positions, the cache, attention and the gate are functions of C
(`accord.lm.native`). So are the products, from weights where they lie, and then all layers are one call; but in
bfloat16 on a processor that has tiles for it (AMX) products are the library's. A processor without a compiler at hand
has the other decoders.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from accord.lm.causal import CausalModel
from accord.lm.decoders import Decoder, DecoderWeights, FusedDecoder, ModelDecoder, Product, UncachedDecoder
from accord.lm.kv_cache import KVCache
from accord.lm.machine import computes_bfloat16, has_tiles
from accord.lm.native.build import instructions
from accord.lm.native.kernels import WIDEST, Kernels, LinearLayers, kernels_for
from accord.lm.native.step import DecoderLayer, DecoderLayers

__all__ = ["NativeDecoder", "build_decoder", "multiplies"]


def build_decoder(causal: CausalModel) -> Decoder:
    """The fastest of those that were found to compute what this model computes, up to its `switch`."""
    if not causal.keeps:
        return UncachedDecoder(causal)
    if causal.native:
        return NativeDecoder(causal)
    return FusedDecoder(causal) if causal.by_hand else ModelDecoder(causal)


def multiplies(kernels: Kernels) -> bool:
    """Whether products of few rows are those of the kernels too, as they are faster here than the library's."""
    if not instructions():
        return False
    return kernels.has_pairs and not has_tiles() if kernels.dtype == torch.bfloat16 and computes_bfloat16() else True


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
        self._whole = self._together(self._layers) if isinstance(self._layers, list) else None

    def _product_of(self, *modules: nn.Linear) -> Product:
        if not multiplies(self._kernels):
            return super()._product_of(*modules)
        return _OwnProduct(LinearLayers(modules, self.dtype), self._kernels)

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        x_aD = self._embed[torch.tensor([sequence[-1] for sequence in sequences])].to(self.dtype)
        place_a = cache.make_room([len(sequence) - 1 for sequence in sequences], x_aD.device)
        cos_aD, sin_aD = (each[:, 0].contiguous() for each in self._angles(place_a + self.start, x_aD))
        if self._whole is not None:
            x_aD = self._whole.step(x_aD, *cache.layers(0, len(self._whole.layers)), cos_aD, sin_aD, place_a)
            return self._kernels.normed(x_aD, self._final_norm, self._eps)
        is_tried = not isinstance(self._layers, list)  # layer by layer, by what all of them in one call would be
        for number, layer in enumerate(self._layers):
            alone = self._together([layer]) if is_tried else None
            if alone is None:
                x_aD = self._layer_by_parts(x_aD, layer, cache.layer(number), cos_aD, sin_aD, place_a)
            else:
                x_aD = alone.step(x_aD, *cache.layers(number, 1), cos_aD, sin_aD, place_a)
        return self._kernels.normed(x_aD, self._final_norm, self._eps)

    def _together(self, layers: Sequence[DecoderWeights]) -> DecoderLayers | None:
        """Layers as one call; None where a product is the library's or a gate another than SiLU's."""
        described = []
        for layer in layers:
            products = [layer.qkv, layer.out, layer.gate_up, layer.down]
            own = [each.layers for each in products if isinstance(each, _OwnProduct)]
            if not layer.is_silu or len(own) < len(products):
                return None
            heads, keys, _ = layer.sizes
            norms = (layer.norm_in, layer.norm_mlp, *(weight_D for weight_D, _ in layer.norms))
            eps = layer.norms[0][1] if layer.norms else 0.0
            described.append(
                DecoderLayer(norms, tuple(own), keys, heads // keys, layer.width, layer.window, layer.scaling, eps)
            )
        return DecoderLayers(described, self._kernels, self._eps)

    def _layer_by_parts(
        self,
        x_aD: Tensor,
        layer: DecoderWeights,
        cache: tuple[Tensor, Tensor],
        cos_aD: Tensor,
        sin_aD: Tensor,
        place_a: Tensor,
    ) -> Tensor:
        """One layer, where its products are the library's or its gate another than SiLU's."""
        kernels = self._kernels
        qkv_aX = layer.qkv(kernels.normed(x_aD, layer.norm_in, self._eps))
        context_aX = kernels.attended(
            qkv_aX.view(len(x_aD), -1, layer.width),
            *cache,
            layer.norms,
            cos_aD,
            sin_aD,
            place_a,
            window=layer.window,
            scaling=layer.scaling,
        )
        x_aD = layer.out(context_aX, x_aD)
        gate_up_aI2 = layer.gate_up(kernels.normed(x_aD, layer.norm_mlp, self._eps))
        return layer.down(kernels.gated(gate_up_aI2) if layer.is_silu else layer.gated(gate_up_aI2), x_aD)


@dataclass(frozen=True)
class _OwnProduct:
    """Linear layers that the kernels multiply, from weights where they lie."""

    layers: LinearLayers
    kernels: Kernels

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        return self.kernels.multiplied(x, self.layers, add)
