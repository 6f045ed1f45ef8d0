"""One more token for many running sequences: from their last tokens to the state and the logits of the next.

`ModelDecoder` calls the model's own modules; its attention function keeps keys and values in the cache.
`FusedDecoder` does the same arithmetic for the Llama family with fused projections, weights in the layout that oneDNN
prefers, and a third of the calls.
`UncachedDecoder` keeps nothing and reads every sequence again: for models whose attention cannot be replaced.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm

from accord.lm.causal import CausalModel
from accord.lm.fused import window_of
from accord.lm.kv_cache import KVCache, PrefillCache
from accord.lm.layout import AttentionLayout
from accord.lm.machine import computes_bfloat16
from accord.lm.products import batched, multiply

__all__ = ["Decoder", "DecoderWeights", "FusedDecoder", "ModelDecoder", "Product", "UncachedDecoder"]


SILU = frozenset({"SiLU", "SiLUActivation"})


class Decoder(Protocol):
    """Starts sequences and takes each of them one token further."""

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """For each prompt: the hidden state after it [D], and its keys and values [layers, 2, K, T, D]."""
        ...

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        """The hidden state after each running sequence, [a, D], whose last token alone is not in the cache yet."""
        ...

    def logits(self, hidden_aD: Tensor) -> Tensor:
        """Logits [a, V] of the token that follows each of these states."""
        ...


class ModelDecoder:
    """The model's own modules. Prompts of one call are padded on the right, where nothing looks.

    `start` has the position of the first token of each sequence: 0, unless other positions are to be tried. `dtype`
    is what is computed in.
    """

    def __init__(self, causal: CausalModel, *, dtype: torch.dtype | None = None) -> None:
        self.causal = causal
        self.start = torch.zeros(1, dtype=torch.long, device=causal.device)
        self.dtype = dtype or causal.dtype

    @classmethod
    def to_try(cls, causal: CausalModel, dtype: torch.dtype) -> "ModelDecoder":
        """One that holds no weights of its own and computes in `dtype`; it may be slow."""
        return cls(causal, dtype=dtype)

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        last_PD, kv = self.prefill_padded(prompts)
        return [
            (last_D, kv[:, :, row, :, : len(prompt)])
            for row, (last_D, prompt) in enumerate(zip(last_PD, prompts, strict=True))
        ]

    def prefill_padded(self, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """The hidden state after each prompt, [P, D], and all keys and values, [layers, 2, P, K, T, D]."""
        device = self.causal.device
        width = max(map(len, prompts))
        ids_PT = torch.full((len(prompts), width), self.causal.pad_id)
        for row, prompt in enumerate(prompts):
            ids_PT[row, : len(prompt)] = torch.tensor(prompt)
        place_PT = torch.arange(width, device=device).expand(len(prompts), -1)
        kv_cache = PrefillCache()
        shape = (len(prompts), width, width)
        layout = AttentionLayout(shape, device, width - 1, self.causal.window, self.causal.attention)
        hidden_PTD = self._hidden(ids_PT.to(device), place_PT, layout, kv_cache)
        last_P = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
        return hidden_PTD[torch.arange(len(prompts), device=device), last_P], kv_cache.stacked()

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        device = self.causal.device
        token_a = torch.tensor([sequence[-1] for sequence in sequences], device=device)
        layout = cache.begin_step([len(sequence) - 1 for sequence in sequences], self.causal.window, device)
        assert layout.first_B is not None
        return self._hidden(token_a[:, None], layout.first_B[:, None], layout, cache)[:, 0]

    def logits(self, hidden_aD: Tensor) -> Tensor:
        return self.causal.raw_logits(hidden_aD)

    def _hidden(self, ids: Tensor, places: Tensor, layout: AttentionLayout, kv_cache: PrefillCache | KVCache) -> Tensor:
        position_ids = places + self.start[:, None]
        return self.causal.hidden(input_ids=ids, position_ids=position_ids, kv_cache=kv_cache, **layout.inputs())


class UncachedDecoder:
    """Every sequence from its beginning at every step, by the plain model."""

    def __init__(self, causal: CausalModel) -> None:
        self.causal = causal

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        no_cache = torch.zeros((1, 2, 1, 1, 1), device=self.causal.device)
        return [(last_D, no_cache) for last_D in self._last(prompts)]

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        return torch.stack(self._last(sequences))

    def logits(self, hidden_aD: Tensor) -> Tensor:
        return torch.cat([self.causal.raw_logits(hidden_D[None]) for hidden_D in hidden_aD])

    def _last(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        ids = [torch.tensor([list(sequence)], device=self.causal.device) for sequence in sequences]
        return [self.causal.hidden(input_ids=ids_1T)[0, -1] for ids_1T in ids]


class FusedDecoder(ModelDecoder):
    """Llama, Mistral, Qwen2 and Qwen3 by hand, by the weights as they are when it is made: make it anew when they move.

    With `copied` unset each layer's weights are taken, in `dtype`, when their turn comes, and adapters are passed over:
    slow, and no second model in memory while it is tried.
    """

    def __init__(self, causal: CausalModel, *, dtype: torch.dtype | None = None, copied: bool = True) -> None:
        super().__init__(causal, dtype=dtype)
        merged = causal.merged() if copied else causal
        model: Any = merged.model
        decoder = merged.backbone
        config: Any = model.config.get_text_config()
        self._eps = float(config.rms_norm_eps)
        self._embed: Tensor = decoder.embed_tokens.weight
        self._layers: Iterable[DecoderWeights] = (
            [DecoderWeights(layer, self.dtype, self._product_of) for layer in decoder.layers]
            if copied
            else _Taken(decoder.layers, self.dtype, self._product_of)
        )
        self._norm: Tensor = decoder.norm.weight
        self._head = self._product_of(model.get_output_embeddings()) if copied else None
        self._rotary: Callable[..., tuple[Tensor, Tensor]] = decoder.rotary_emb

    @classmethod
    def to_try(cls, causal: CausalModel, dtype: torch.dtype) -> "FusedDecoder":
        return cls(causal, dtype=dtype, copied=False)

    def _product_of(self, *modules: nn.Linear) -> "Product":
        """Linear layers that read the same input, as one product."""
        return _product(self.dtype, *modules)

    def logits(self, hidden_aD: Tensor) -> Tensor:
        assert self._head is not None
        return self.causal.finished(self._head(hidden_aD))

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        device = self.causal.device
        x_aD = self._embed[torch.tensor([sequence[-1] for sequence in sequences], device=device)].to(self.dtype)
        layout = cache.begin_step([len(sequence) - 1 for sequence in sequences], self.causal.window, device)
        assert layout.first_B is not None
        cos_a1D, sin_a1D = self._angles(layout.first_B + self.start, x_aD)
        for number, layer in enumerate(self._layers):
            qk_aHD, v_aKD = layer.heads(rms_norm(x_aD, x_aD.shape[-1:], layer.norm_in, self._eps))
            turned_aHD = torch.addcmul(qk_aHD * cos_a1D, qk_aHD.roll(qk_aHD.shape[-1] // 2, -1), sin_a1D)
            q_aHD, k_aKD = turned_aHD.split(layer.sizes[:2], 1)
            k_aKtD, v_aKtD = cache.update_last(number, k_aKD, v_aKD)
            mask_a11t = layout.mask(layout.window_of_layer(layer.window), self.dtype)
            x_aD = layer.out(_attend(q_aHD, k_aKtD, v_aKtD, mask_a11t, layer.scaling), x_aD)
            gate_up_aI2 = layer.gate_up(rms_norm(x_aD, x_aD.shape[-1:], layer.norm_mlp, self._eps))
            x_aD = layer.down(layer.gated(gate_up_aI2), x_aD)
        return rms_norm(x_aD, x_aD.shape[-1:], self._norm.to(self.dtype), self._eps)

    def _angles(self, position_a: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines of some positions, [a, 1, D] each; the sign of a half turn is kept in the sine."""
        cos_1aD, sin_1aD = self._rotary(like[None], position_a[None])
        sin_aD = sin_1aD[0].clone()
        sin_aD[:, : sin_aD.shape[-1] // 2].neg_()
        return cos_1aD[0][:, None], sin_aD[:, None]


def _attend(q_aHD: Tensor, k_aKtD: Tensor, v_aKtD: Tensor, mask_a11t: Tensor, scaling: float) -> Tensor:
    """One query a head and sequence, [a, H * D]."""
    a, H, D = q_aHD.shape
    K, t = k_aKtD.shape[1:3]
    score_aKGt = batched(q_aHD.reshape(a * K, H // K, D), k_aKtD.reshape(a * K, t, D).mT).view(a, K, -1, t)
    weight_aKGt = torch.softmax(torch.add(mask_a11t, score_aKGt, alpha=scaling), -1)
    return batched(weight_aKGt.view(a * K, -1, t), v_aKtD.reshape(a * K, t, D)).view(a, H * D)


class DecoderWeights:
    """The weights of a decoder layer, with projections that read the same input fused into one."""

    def __init__(self, layer: Any, dtype: torch.dtype, product_of: "Callable[..., Product]") -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.window, self.scaling, self.width = window_of(attention), float(attention.scaling), int(attention.head_dim)
        self.activation: Callable[[Tensor], Tensor] = mlp.act_fn
        self.is_silu = type(mlp.act_fn).__name__ in SILU
        self.norm_in: Tensor = layer.input_layernorm.weight.to(dtype)
        self.norm_mlp: Tensor = layer.post_attention_layernorm.weight.to(dtype)
        self.norms = [(norm.weight.to(dtype), norm.variance_epsilon) for norm in _head_norms(attention)]
        projections = [_base(each) for each in (attention.q_proj, attention.k_proj, attention.v_proj)]
        self.sizes = [len(each.weight) // self.width for each in projections]
        self.qkv = product_of(*projections)
        self.out = product_of(_base(attention.o_proj))
        self.gate_up = product_of(_base(mlp.gate_proj), _base(mlp.up_proj))
        self.down = product_of(_base(mlp.down_proj))

    def gated(self, gate_up_aI2: Tensor) -> Tensor:
        """activation(gate) * up, of rows that hold one after the other."""
        gate_aI, up_aI = gate_up_aI2.chunk(2, -1)
        return self.activation(gate_aI) * up_aI

    def heads(self, x_aD: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys [a, H + K, D], not turned yet, and values [a, K, D]."""
        queries, keys, values = self.sizes
        qk_aHD, v_aKD = self.qkv(x_aD).view(len(x_aD), -1, self.width).split([queries + keys, values], 1)
        if self.norms:
            parts = zip(qk_aHD.split([queries, keys], 1), self.norms, strict=True)
            qk_aHD = torch.cat([rms_norm(part, (self.width,), norm, eps) for part, (norm, eps) in parts], 1)
        return qk_aHD, v_aKD


def _head_norms(attention: Any) -> list[Any]:
    return [attention.q_norm, attention.k_norm] if hasattr(attention, "q_norm") else []


def _base(module: Any) -> Any:
    """A linear layer without its adapters, where they are not merged."""
    return getattr(module, "base_layer", module)


class _Taken:
    """The weights of layers, one after the other."""

    def __init__(self, layers: Iterable[Any], dtype: torch.dtype, product_of: "Callable[..., Product]") -> None:
        self.layers, self.dtype, self.product_of = layers, dtype, product_of

    def __iter__(self) -> Iterator[DecoderWeights]:
        return (DecoderWeights(layer, self.dtype, self.product_of) for layer in self.layers)


class Product(Protocol):
    """x W' + b, and something added to it."""

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor: ...


def joined(weights: Sequence[Tensor]) -> Tensor:
    """Matrices [N, D] one above the other, as one: the memory they lie in where they follow each other, else a copy.

    Layers that were made faster keep the weights of projections of one input so (`accord.lm.fused`).
    """
    first = weights[0]
    follow = all(
        one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
        and one.data_ptr() + one.nbytes == other.data_ptr()
        for one, other in pairwise(weights)
    )
    if not (follow and all(each.is_contiguous() and each.dtype == first.dtype for each in weights)):
        return torch.cat(list(weights))
    return first.as_strided((sum(map(len, weights)), *first.shape[1:]), first.stride())


def _product(dtype: torch.dtype, *modules: nn.Linear) -> Product:
    """Linear layers that read the same input as one product, in the layout oneDNN chooses for bfloat16 on a CPU.

    Where this machine is no faster in bfloat16 than in float32 the product is a plain one.
    """
    weights = [module.weight.detach().to(dtype) for module in modules]
    weight = joined(weights)
    biases = [module.bias.detach().to(dtype) for module in modules if getattr(module, "bias", None) is not None]
    bias = torch.cat(biases) if biases else None
    if weight.device.type != "cpu" or dtype != torch.bfloat16 or not computes_bfloat16():
        return lambda x, add=None: multiply(x, weight.mT, bias) if add is None else multiply(x, weight.mT, bias) + add
    ops: Any = torch.ops.mkldnn
    packed = ops._reorder_linear_weight(weight)

    def product(x: Tensor, add: Tensor | None = None) -> Tensor:
        if add is None:
            out: Tensor = ops._linear_pointwise(x, packed, bias, "none", [], "")
        else:
            out = ops._linear_pointwise.binary(x, add, packed, bias, "add")
        return out

    return product
