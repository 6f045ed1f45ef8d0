"""The compiled kernels of layers that read and learn, as functions of tensors on the CPU with their gradients."""

from ctypes import CDLL, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import silu

from accord.lm.native.build import LAYERS, compiled

__all__ = ["Gate", "LayerKernels", "NormedRows", "TurnedHeads", "compiled_kernels"]

TOGETHER = 64  # rows whose gradients of a norm's weight are summed up together; as in layers.c
SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
POINTER, SIZE = c_void_p, c_int64
SIGNATURES: dict[str, list[Any]] = {
    "norm_forward": [POINTER] * 4 + [SIZE] * 2 + [c_float, c_int],
    "norm_backward": [POINTER] * 6 + [SIZE] * 2 + [c_int],
    "gate_backward": [POINTER] * 2 + [SIZE] + [POINTER] * 4 + [SIZE] * 3 + [c_int],
    "turn_forward": [POINTER] * 6 + [SIZE] * 5 + [c_int],
    "turn_backward": [POINTER] * 6 + [SIZE] * 5 + [c_int],
    "choose_forward": [POINTER] * 5 + [SIZE] * 2 + [c_float, c_int],
    "choose_backward": [POINTER] * 5 + [SIZE] * 2 + [c_float, c_int],
}


def compiled_kernels(dtype: torch.dtype) -> "LayerKernels | None":
    """The kernels for tensors of a dtype, as they were compiled; None where there are none."""
    library = compiled(LAYERS).functions
    if library is None or dtype not in SUFFIX:
        return None
    return LayerKernels({name: _function(library, f"accord_{name}_{SUFFIX[dtype]}", name) for name in SIGNATURES})


def _function(library: CDLL, symbol: str, name: str) -> Any:
    function = library[symbol]
    function.argtypes, function.restype = SIGNATURES[name], None
    return function


@dataclass(frozen=True)
class LayerKernels:
    """Functions of tensors of one dtype; inside, all is float32."""

    functions: dict[str, Any]

    def call(self, name: str, *arguments: Tensor | float | None) -> None:
        """Call a function with tensors' places in memory."""
        found = [each.data_ptr() if isinstance(each, Tensor) else each for each in arguments]
        self.functions[name](*found, torch.get_num_threads())

    def chosen(
        self, logits_NV: Tensor, target_N: Tensor, temperature: float, entropy: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of each row of logits / temperature: the target's log-probability, the entropy (NaN unasked), log sum exp."""
        if len(target_N) and not 0 <= int(target_N.min()) <= int(target_N.max()) < logits_NV.shape[1]:
            raise IndexError(f"targets beyond the {logits_NV.shape[1]} tokens that there are")
        found = [torch.full((len(logits_NV),), torch.nan) for _ in range(3)]
        chosen_N, total_N, entropy_N = found
        asked = entropy_N if entropy else None
        sizes = logits_NV.shape
        self.call("choose_forward", chosen_N, total_N, asked, logits_NV, target_N, *sizes, temperature)
        return chosen_N, entropy_N, total_N

    def chosen_back(
        self, logits_NV: Tensor, target_N: Tensor, total_N: Tensor, gradient_N: Tensor, temperature: float
    ) -> Tensor:
        """gradient / temperature (one-hot - softmax)."""
        out_NV = torch.empty_like(logits_NV)
        pointers = out_NV, logits_NV, target_N, total_N, gradient_N.contiguous()
        self.call("choose_backward", *pointers, *logits_NV.shape, temperature)
        return out_NV

    def gated_back(
        self, to_gate_MI: Tensor, to_up_MI: Tensor, gradient_MI: Tensor, gate_MI: Tensor, up_MI: Tensor
    ) -> Tensor:
        """Write the gradients of gate and up; returns silu(gate) * up once more."""
        if gate_MI.stride() != up_MI.stride() or gate_MI.stride(1) != 1:
            gate_MI, up_MI = gate_MI.contiguous(), up_MI.contiguous()
        again_MI = gate_MI.new_empty(gate_MI.shape)
        pointers = again_MI, gradient_MI.contiguous(), gate_MI, up_MI
        self.call(
            "gate_backward", to_gate_MI, to_up_MI, to_gate_MI.stride(0), *pointers, gate_MI.stride(0), *gate_MI.shape
        )
        return again_MI


class NormedRows(torch.autograd.Function):
    """weight * x / sqrt(mean(x^2) + eps) (Zhang & Sennrich 2019, arXiv 1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, kernels: LayerKernels) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        width = x.shape[-1]
        scale = torch.empty(x.numel() // width)
        out = torch.empty_like(x)
        kernels.call("norm_forward", out, scale, x, weight, len(scale), width, eps)
        ctx.save_for_backward(x, scale, weight)
        ctx.kernels = kernels
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, weight = ctx.saved_tensors
        width = len(weight)
        to_x = torch.empty_like(x)
        parts = torch.empty(-(-len(scale) // TOGETHER), width) if ctx.needs_input_grad[1] else None
        ctx.kernels.call("norm_backward", to_x, parts, gradients[0].contiguous(), x, scale, weight, len(scale), width)
        return to_x, None if parts is None else parts.sum(0).to(weight.dtype), None, None


class Gate(torch.autograd.Function):
    """silu(gate) * up for gate and up side by side, [M, 2 I]."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor, kernels: LayerKernels) -> Tensor:
        ctx.save_for_backward(gate_up)
        ctx.kernels = kernels
        gate, up = gate_up.chunk(2, 1)
        return silu(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gate_up,) = ctx.saved_tensors
        to_gate_up = gate_up.new_empty(gate_up.shape)
        ctx.kernels.gated_back(*to_gate_up.chunk(2, 1), gradients[0], *gate_up.chunk(2, 1))
        return to_gate_up, None


class TurnedHeads(torch.autograd.Function):
    """Heads [B, T, H + 2 K, D] to queries [B, H, T, D], keys and values [B, K, T, D]; queries and keys are turned by
    their positions (Su et al. 2021, arXiv 2104.09864)."""

    @staticmethod
    def forward(
        ctx: Any, heads: Tensor, cos: Tensor, sin: Tensor, keys: int, kernels: LayerKernels
    ) -> tuple[Tensor, ...]:
        B, T, count, D = heads.shape
        heads = heads.contiguous()
        cos, sin = (each.expand(B, T, D).contiguous() for each in (cos, sin))
        sizes = B, T, count - 2 * keys, keys, D
        query, key, value = (heads.new_empty(B, n, T, D) for n in (count - 2 * keys, keys, keys))
        kernels.call("turn_forward", query, key, value, heads, cos, sin, *sizes)
        ctx.save_for_backward(cos, sin)
        ctx.sizes, ctx.kernels = sizes, kernels
        return query, key, value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        B, T, queries, keys, D = ctx.sizes
        to_heads = cos.new_empty(B, T, queries + 2 * keys, D)
        parts = (each.contiguous() for each in gradients)
        ctx.kernels.call("turn_backward", to_heads, *parts, cos, sin, *ctx.sizes)
        return to_heads, None, None, None, None
