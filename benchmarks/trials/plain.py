"""One more token for some sequences of a Llama as a plain function of tensors, for compilers to do with what they can.

Keys and values of earlier tokens come in; those of the new one go out, for the caller to put them in their place. So
no compiler has to know of a cache, and none copies it.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

__all__ = ["Caches", "PlainStep", "opened"]


class PlainStep(nn.Module):
    """`forward(token_B, place, keys, values)`: logits, and the new keys and values, each (layers, B, heads, width)."""

    def __init__(self, weights: dict[str, Tensor], config: dict[str, Any]) -> None:
        super().__init__()
        self.depth, self.heads = config["num_hidden_layers"], config["num_attention_heads"]
        self.kept, self.eps = config["num_key_value_heads"], config["rms_norm_eps"]
        self.width = config["hidden_size"] // self.heads
        rope = config.get("rope_parameters") or {}
        base = float(config.get("rope_theta") or rope["rope_theta"])
        half = torch.arange(0, self.width, 2, dtype=torch.float32)
        self.register_buffer("speed", base ** (-half / self.width), persistent=False)
        self.names = {name: name.replace(".", "_") for name in weights}
        for name, weight in weights.items():
            self.register_parameter(self.names[name], nn.Parameter(weight, requires_grad=False))

    def _weight(self, name: str) -> Tensor:
        weight: Tensor = getattr(self, self.names[f"{name}.weight"])
        return weight

    def _norm(self, x: Tensor, name: str) -> Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return scaled.to(x.dtype) * self._weight(name)

    def _turned(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        left, right = x.chunk(2, -1)
        return x * cos + torch.cat((-right, left), -1) * sin

    def forward(self, token_B: Tensor, place: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self._weight("model.embed_tokens")[token_B]
        angle = torch.cat((place * self.speed, place * self.speed))
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        hidden = torch.arange(keys.shape[3]) >= place
        new_keys, new_values = [], []
        for layer in range(self.depth):
            name = f"model.layers.{layer}"
            y = self._norm(x, f"{name}.input_layernorm")
            q, k, v = (
                linear(y, self._weight(f"{name}.self_attn.{part}_proj")).view(len(token_B), -1, self.width)
                for part in "qkv"
            )
            q, k = self._turned(q, cos, sin), self._turned(k, cos, sin)
            new_keys.append(k)
            new_values.append(v)
            grouped = q.view(len(token_B), self.kept, self.heads // self.kept, self.width) * self.width**-0.5
            earlier = (grouped @ keys[layer].mT).float().masked_fill(hidden, -1e30)
            itself = (grouped @ k.unsqueeze(-1)).float()
            share = torch.cat((earlier, itself), -1).softmax(-1).to(x.dtype)
            context = share[..., :-1] @ values[layer] + share[..., -1:] * v.unsqueeze(2)
            x = x + linear(context.reshape(len(token_B), -1), self._weight(f"{name}.self_attn.o_proj"))
            y = self._norm(x, f"{name}.post_attention_layernorm")
            gate, up = (linear(y, self._weight(f"{name}.mlp.{part}_proj")) for part in ("gate", "up"))
            x = x + linear(silu(gate) * up, self._weight(f"{name}.mlp.down_proj"))
        x = self._norm(x, "model.norm")
        logits = linear(x, self._weight("model.embed_tokens"))
        return logits, torch.stack(new_keys), torch.stack(new_values)


class Caches:
    """Keys and values of `count` sequences of at most `length` tokens, all equally long."""

    def __init__(self, step: PlainStep, count: int, length: int, dtype: torch.dtype) -> None:
        shape = (step.depth, count, step.kept, length, step.width)
        self.keys, self.values = torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype)

    def put(self, place: int, keys: Tensor, values: Tensor) -> None:
        """The new ones, at their place."""
        self.keys[:, :, :, place] = keys
        self.values[:, :, :, place] = values


def opened(model: Path, dtype: torch.dtype) -> PlainStep:
    """The step of a Llama in a folder."""
    from safetensors.torch import load_file

    weights = {name: weight.to(dtype) for name, weight in load_file(model / "model.safetensors").items()}
    weights.pop("lm_head.weight", None)
    return PlainStep(weights, json.loads((model / "config.json").read_text())).eval()
