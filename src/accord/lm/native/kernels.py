"""The compiled kernels as functions of tensors on the CPU, in float32 and bfloat16."""

from collections.abc import Sequence
from ctypes import CDLL, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from accord.lm.native.build import compiled

__all__ = ["DRAW_BLOCK", "WIDEST", "Kernels", "LinearLayers", "kernels_for"]

WIDEST = 256  # of heads, whose width is even; as in kernels.c
SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
DRAW_BLOCK = 256  # tokens whose weights are summed up together when one is drawn; as in kernels.c
STRIP = 32  # numbers of a row that are read together, at most; as in kernels.c
POINTER, SIZE = c_void_p, c_int64
SIGNATURES: dict[str, list[Any]] = {
    "norm": [POINTER] * 3 + [SIZE] * 2 + [c_float, c_int],
    "gate": [POINTER] * 2 + [SIZE] * 2 + [c_int],
    "product": [POINTER] * 6 + [SIZE, POINTER] + [SIZE] * 2 + [c_int],
    "step": [POINTER] * 2
    + [SIZE]
    + [POINTER] * 2
    + [SIZE]
    + [POINTER] * 3
    + [SIZE] * 2
    + [c_float]
    + [POINTER] * 2
    + [c_int],
    "weigh": [POINTER] * 5 + [SIZE] * 3 + [c_int],
    "attend": [POINTER] * 6 + [c_float] + [POINTER] * 3 + [SIZE] * 6 + [c_float, c_int],
}


@cache
def kernels_for(dtype: torch.dtype) -> "Kernels | None":
    """The kernels for tensors of a dtype; None where there are none for it, or none could be compiled."""
    library = compiled().functions
    if library is None or dtype not in SUFFIX:
        return None
    functions = {name: _function(library, f"accord_{name}_{SUFFIX[dtype]}", name) for name in SIGNATURES}
    return Kernels(dtype, bool(library.accord_multiplies_pairs()), **functions)


def _function(library: CDLL, symbol: str, name: str) -> Any:
    function = library[symbol]
    function.argtypes, function.restype = SIGNATURES[name], None
    return function


class LinearLayers:
    """Linear layers that read the same input, where their weights lie in memory: nothing of them is copied.

    A layer of another dtype is taken in `dtype`, as it is now.
    """

    def __init__(self, layers: Sequence[nn.Linear], dtype: torch.dtype) -> None:
        self.weights = [layer.weight.detach().to(dtype).contiguous() for layer in layers]
        biases = [getattr(layer, "bias", None) for layer in layers]
        self.biases = [None if bias is None else bias.detach().to(dtype).contiguous() for bias in biases]
        count = len(layers)
        self.sizes = (SIZE * count)(*map(len, self.weights))
        self.weights_at = (POINTER * count)(*(weight.data_ptr() for weight in self.weights))
        self.biases_at = (POINTER * count)(*(None if bias is None else bias.data_ptr() for bias in self.biases))
        self.width, self.total = self.weights[0].shape[1], sum(self.sizes)


@dataclass(frozen=True)
class Kernels:
    """Functions of contiguous tensors of one dtype; the pointers of others are refused by `ValueError`.

    `has_pairs`: bfloat16 is multiplied by the processor's own instructions for it (AVX-512's).
    """

    dtype: torch.dtype
    has_pairs: bool
    norm: Any
    gate: Any
    product: Any
    step: Any
    weigh: Any
    attend: Any

    def normed(self, x_aD: Tensor, weight_D: Tensor, eps: float) -> Tensor:
        """weight * x / sqrt(mean(x^2) + eps), row by row (Zhang & Sennrich 2019, arXiv 1910.07467)."""
        out = torch.empty_like(x_aD)
        rows, width = x_aD.shape
        self.norm(out.data_ptr(), self.place(x_aD), self.place(weight_D), rows, width, eps, torch.get_num_threads())
        return out

    def gated(self, gate_up_aI2: Tensor) -> Tensor:
        """silu(gate) * up, of rows that hold one after the other."""
        rows, both = gate_up_aI2.shape
        out = gate_up_aI2.new_empty(rows, both // 2)
        self.gate(out.data_ptr(), self.place(gate_up_aI2), rows, both // 2, torch.get_num_threads())
        return out

    def weighed(self, logits_SV: Tensor, temperature_S: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each row of scores, logits / temperature: the place of the greatest, it, and blocks' sums of weights.

        Weights are e^(score - greatest); blocks are of `DRAW_BLOCK` tokens, the last of fewer.
        """
        rows, vocabulary = logits_SV.shape
        if logits_SV.stride(1) != 1 or temperature_S.shape != (rows,) or temperature_S.dtype != torch.float32:
            raise ValueError("rows of logits without gaps are weighed, and a float32 temperature for each")
        best_S, top_S = torch.empty(rows, dtype=torch.int64), torch.empty(rows)
        sum_SK = torch.empty(rows, -(-vocabulary // DRAW_BLOCK))
        self.weigh(
            best_S.data_ptr(),
            top_S.data_ptr(),
            sum_SK.data_ptr(),
            self.place(logits_SV[:1]) if rows else None,
            temperature_S.data_ptr(),
            rows,
            vocabulary,
            logits_SV.stride(0),
            torch.get_num_threads(),
        )
        return best_S, top_S, sum_SK

    def multiplied(self, x_aD: Tensor, layers: LinearLayers, add: Tensor | None = None) -> Tensor:
        """What linear layers give of rows, side by side, plus `add`; made for as many rows as sequences run.

        Each row gives the same numbers, bit by bit, whatever other rows are beside it.
        """
        rows, width = x_aD.shape
        if width != layers.width or (add is not None and add.shape != (rows, layers.total)):
            raise ValueError(f"rows of {layers.width} are multiplied, and {rows} of {layers.total} are added")
        out = x_aD.new_empty(rows, layers.total)
        space = torch.empty(rows, -(-width // STRIP) * STRIP)
        self.product(
            out.data_ptr(),
            self.place(x_aD),
            space.data_ptr(),
            layers.weights_at,
            layers.biases_at,
            layers.sizes,
            len(layers.sizes),
            None if add is None else self.place(add),
            rows,
            width,
            torch.get_num_threads(),
        )
        return out

    def attended(
        self,
        qkv_aHD: Tensor,
        keys_SKDT: Tensor,
        values_SKTD: Tensor,
        norms: list[tuple[Tensor, float]],
        cos_aD: Tensor,
        sin_aD: Tensor,
        place_a: Tensor,
        *,
        window: int | None,
        scaling: float,
    ) -> Tensor:
        """What each running sequence attends to with its newest token, [a, H * D].

        qkv_aHD     queries, keys and values of that token, H + 2 K heads, not turned yet
        keys_SKDT   the cache of the layer, and values_SKTD; the token's own are written to its place
        norms       weight and eps of the norms of queries and keys; empty where there are none
        sin_aD      sines with the sign of a half turn
        window      positions that are looked back, itself included; None for all
        """
        a, heads, width = qkv_aHD.shape
        _, key_heads, _, room = keys_SKDT.shape
        if place_a.dtype != torch.int64 or len(keys_SKDT) < a:
            raise ValueError("places are int64, and every running sequence has a slot")
        query_norm, key_norm = (self.place(weight_D) for weight_D, _ in norms) if norms else (None, None)
        eps = norms[0][1] if norms else 0.0
        group = heads // key_heads - 2
        out = qkv_aHD.new_empty(a, key_heads * group * width)
        self.attend(
            out.data_ptr(),
            self.place(qkv_aHD),
            self.place(keys_SKDT),
            self.place(values_SKTD),
            query_norm,
            key_norm,
            eps,
            self.place(cos_aD),
            self.place(sin_aD),
            place_a.data_ptr(),
            a,
            key_heads,
            group,
            width,
            room,
            window or 0,
            scaling,
            torch.get_num_threads(),
        )
        return out

    def place(self, tensor: Tensor) -> int:
        """Where a tensor lies. Raises `ValueError` where it is none for these functions."""
        if tensor.dtype != self.dtype or not tensor.is_contiguous() or tensor.device.type != "cpu":
            raise ValueError(f"a contiguous {self.dtype} tensor on the CPU is needed, not {tensor.dtype}")
        return tensor.data_ptr()
