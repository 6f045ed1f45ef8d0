"""One more token for many running sequences: from their last tokens to the logits of the next.

`ModelDecoder` calls the model's own modules; its attention function keeps keys and values in the cache.
`FusedDecoder` does the same arithmetic for the Llama family with fused projections, weights in the layout that oneDNN
prefers, and a third of the calls.
`UncachedDecoder` keeps nothing and reads every sequence again: for models whose attention cannot be replaced.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, silu

from accord.lm.causal import CausalModel
from accord.lm.cpu_features import computes_bfloat16
from accord.lm.fused import FAMILIES
from accord.lm.kv_cache import KVCache, PrefillCache

__all__ = ["Decoder", "FusedDecoder", "ModelDecoder", "UncachedDecoder", "build_decoder"]


class Decoder(Protocol):
    """Starts sequences and takes each of them one token further."""

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        """For each prompt: logits after it [V], and its keys and values [layers, 2, K, T, D]."""
        ...

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        """Logits [a, V] after each running sequence, whose last token is the only one not in the cache yet."""
        ...


def build_decoder(causal: CausalModel) -> Decoder:
    """The fastest that computes what this model computes."""
    if not causal.packs:
        return UncachedDecoder(causal)
    config: Any = causal.model.config.get_text_config()
    plain = causal.model.base_model if causal.has_adapters else causal.model
    if config.model_type in FAMILIES and hasattr(plain, "get_decoder") and not _rescaled(config):
        return FusedDecoder(causal)
    return ModelDecoder(causal)


def _rescaled(config: Any) -> bool:
    """Whether rotary positions depend on how long the sequence has become."""
    rope = getattr(config, "rope_parameters", None) or {}
    return str(rope.get("rope_type", "default")) in ("dynamic", "longrope")


class ModelDecoder:
    """The model's own modules. Prompts of one call are padded on the right, where nothing looks."""

    def __init__(self, causal: CausalModel) -> None:
        self.causal = causal

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        device = self.causal.device
        width = max(map(len, prompts))
        ids_PT = torch.full((len(prompts), width), self.causal.pad_id)
        for row, prompt in enumerate(prompts):
            ids_PT[row, : len(prompt)] = torch.tensor(prompt)
        mask_TT = torch.full((width, width), torch.finfo(torch.bfloat16).min, device=device).triu(1)
        position_PT = torch.arange(width, device=device).expand(len(prompts), -1)
        kv_cache = PrefillCache()
        hidden_PTD = self._hidden(ids_PT.to(device), position_PT, mask_TT.expand(len(prompts), 1, -1, -1), kv_cache)
        last_P = torch.tensor([len(prompt) - 1 for prompt in prompts], device=device)
        logits_PV = self.causal.raw_logits(hidden_PTD[torch.arange(len(prompts), device=device), last_P])
        kv = kv_cache.stacked()
        return [
            (logits_V, kv[:, :, row, :, : len(prompt)])
            for row, (logits_V, prompt) in enumerate(zip(logits_PV, prompts, strict=True))
        ]

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        token_a = torch.tensor([sequence[-1] for sequence in sequences], device=self.causal.device)
        position_a = torch.tensor([len(sequence) - 1 for sequence in sequences], device=self.causal.device)
        hidden_a1D = self._hidden(token_a[:, None], position_a[:, None], cache.begin_step(position_a), cache)
        return self.causal.raw_logits(hidden_a1D[:, 0])

    def _hidden(self, ids: Tensor, positions: Tensor, mask: Tensor, kv_cache: PrefillCache | KVCache) -> Tensor:
        dtype = next(self.causal.model.parameters()).dtype
        return self.causal.hidden(
            input_ids=ids, position_ids=positions, attention_mask=mask.to(dtype), kv_cache=kv_cache
        )


class UncachedDecoder:
    """Every sequence from its beginning at every step, by the plain model."""

    def __init__(self, causal: CausalModel) -> None:
        self.causal = causal

    def prefill(self, prompts: Sequence[Sequence[int]]) -> list[tuple[Tensor, Tensor]]:
        no_cache = torch.zeros((1, 2, 1, 1, 1), device=self.causal.device)
        return [(logits_V, no_cache) for logits_V in self._logits(prompts)]

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        return self._logits(sequences)

    def _logits(self, sequences: Sequence[Sequence[int]]) -> Tensor:
        rows = []
        for sequence in sequences:
            hidden_1TD = self.causal.hidden(input_ids=torch.tensor([list(sequence)], device=self.causal.device))
            rows.append(self.causal.raw_logits(hidden_1TD[0, -1:]))
        return torch.cat(rows)


class FusedDecoder(ModelDecoder):
    """Llama, Mistral, Qwen2 and Qwen3 by hand. Takes a copy of the weights as they are when it is made."""

    def __init__(self, causal: CausalModel) -> None:
        super().__init__(causal)
        merged = causal.merged()
        model: Any = merged.model
        decoder = model.get_decoder()
        self._config: Any = model.config.get_text_config()
        self._embed: Tensor = decoder.embed_tokens.weight
        self._layers = [_Layer(layer) for layer in decoder.layers]
        self._norm: Tensor = decoder.norm.weight
        self._head = _product(model.get_output_embeddings())
        self._rotary: Callable[..., tuple[Tensor, Tensor]] = decoder.rotary_emb
        self._cos_TD = self._sin_TD = torch.empty(0, 0)
        self._queries = int(self._config.num_attention_heads)
        self._keys = int(self._config.num_key_value_heads)
        self._width = int(getattr(self._config, "head_dim", 0) or self._config.hidden_size // self._queries)

    def step(self, cache: KVCache, sequences: Sequence[Sequence[int]]) -> Tensor:
        device = self.causal.device
        position_a = torch.tensor([len(sequence) - 1 for sequence in sequences], device=device)
        x_aD = self._embed[torch.tensor([sequence[-1] for sequence in sequences], device=device)]
        mask_a11t = cache.begin_step(position_a).to(x_aD.dtype)
        self._angles(mask_a11t.shape[-1], x_aD)
        cos_a1D, sin_a1D = self._cos_TD[position_a][:, None], self._sin_TD[position_a][:, None]
        eps = float(self._config.rms_norm_eps)
        for number, layer in enumerate(self._layers):
            qkv_aHD = layer.qkv(rms_norm(x_aD, x_aD.shape[-1:], layer.norm_in, eps)).view(len(x_aD), -1, self._width)
            qk_aHD, v_aKD = qkv_aHD.split([self._queries + self._keys, self._keys], 1)
            if layer.norm_q is not None:
                qk_aHD = torch.cat(
                    [
                        rms_norm(part, (self._width,), norm, eps)
                        for part, norm in zip(
                            qk_aHD.split([self._queries, self._keys], 1), (layer.norm_q, layer.norm_k), strict=True
                        )
                    ],
                    1,
                )
            rotated_aHD = torch.addcmul(qk_aHD * cos_a1D, qk_aHD.roll(self._width // 2, -1), sin_a1D)
            q_aHD, k_aKD = rotated_aHD.split([self._queries, self._keys], 1)
            k_aKtD, v_aKtD = cache.update_last(number, k_aKD, v_aKD)
            context_aD = _attend(q_aHD, k_aKtD, v_aKtD, mask_a11t)
            x_aD = layer.out(context_aD, x_aD)
            gate_aI, up_aI = layer.gate_up(rms_norm(x_aD, x_aD.shape[-1:], layer.norm_mlp, eps)).chunk(2, -1)
            x_aD = layer.down(silu(gate_aI) * up_aI, x_aD)
        return self._head(rms_norm(x_aD, x_aD.shape[-1:], self._norm, eps))

    def _angles(self, size: int, like: Tensor) -> None:
        """Cosines and sines of positions up to `size`; the sign of a half turn is kept in the sine."""
        if len(self._cos_TD) >= size:
            return
        position_1T = torch.arange(max(2 * size, 256), device=like.device)[None]
        cos_1TD, sin_1TD = self._rotary(like[None], position_1T)
        sign_D = torch.ones_like(sin_1TD[0, 0])
        sign_D[: self._width // 2] = -1
        self._cos_TD, self._sin_TD = cos_1TD[0], sin_1TD[0] * sign_D


def _attend(q_aHD: Tensor, k_aKtD: Tensor, v_aKtD: Tensor, mask_a11t: Tensor) -> Tensor:
    """One query a head and sequence, [a, H * D]."""
    a, H, D = q_aHD.shape
    K, t = k_aKtD.shape[1:3]
    score_aKGt = torch.bmm(q_aHD.reshape(a * K, H // K, D), k_aKtD.reshape(a * K, t, D).mT).view(a, K, -1, t)
    weight_aKGt = torch.softmax(torch.add(mask_a11t, score_aKGt, alpha=D**-0.5), -1)
    return torch.bmm(weight_aKGt.view(a * K, -1, t), v_aKtD.reshape(a * K, t, D)).view(a, H * D)


class _Layer:
    """The weights of a decoder layer, with projections that read the same input fused into one."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.norm_in: Tensor = layer.input_layernorm.weight
        self.norm_mlp: Tensor = layer.post_attention_layernorm.weight
        self.norm_q: Tensor | None = attention.q_norm.weight if hasattr(attention, "q_norm") else None
        self.norm_k: Tensor | None = attention.k_norm.weight if hasattr(attention, "k_norm") else None
        self.qkv = _product(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = _product(attention.o_proj)
        self.gate_up = _product(mlp.gate_proj, mlp.up_proj)
        self.down = _product(mlp.down_proj)


class _Product(Protocol):
    """x W' + b, and something added to it."""

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor: ...


def _product(*modules: nn.Linear) -> _Product:
    """Linear layers that read the same input as one product, in the layout oneDNN chooses for bfloat16 on a CPU.

    oneDNN has such a layout only where the processor has AVX-512 or bfloat16 conversions of its own.
    """
    weight = (
        torch.cat([module.weight.detach() for module in modules]) if len(modules) > 1 else modules[0].weight.detach()
    )
    biases = [getattr(module, "bias", None) for module in modules]
    bias = torch.cat([bias.detach() for bias in biases if bias is not None]) if biases[0] is not None else None
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16 or not computes_bfloat16():
        return lambda x, add=None: linear(x, weight, bias) if add is None else linear(x, weight, bias) + add
    ops: Any = torch.ops.mkldnn
    packed = ops._reorder_linear_weight(weight)

    def product(x: Tensor, add: Tensor | None = None) -> Tensor:
        if add is None:
            out: Tensor = ops._linear_pointwise(x, packed, bias, "none", [], "")
        else:
            out = ops._linear_pointwise.binary(x, add, packed, bias, "add")
        return out

    return product
