"""The kernels of layers, and of drawing, if they are right: tried once in a process against plain sums in float64.

Those of layers with their gradients.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import silu

from accord.lm.native.kernels import DRAW_BLOCK, Kernels, kernels_for
from accord.lm.native.layers import Gate, LayerKernels, NormedRows, TurnedHeads, compiled_kernels

__all__ = ["drawing_kernels", "kernels_of", "layer_kernels"]

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}  # of the norm
EPS = 1e-5


def kernels_of(*tensors: Tensor) -> LayerKernels | None:
    """The kernels for tensors of one dtype on the CPU, none of them in parts; None where there are none for them."""
    dtype = tensors[0].dtype
    if dtype not in TOLERANCE or any(type(each) not in (Tensor, Parameter) for each in tensors):
        return None
    alike = all(each.dtype == dtype and each.device.type == "cpu" for each in tensors)
    return layer_kernels(dtype) if alike else None


@cache
def layer_kernels(dtype: torch.dtype) -> LayerKernels | None:
    """The kernels for tensors of a dtype; None where there are none, or they give other numbers than plain sums."""
    kernels = compiled_kernels(dtype)
    return kernels if kernels is not None and _is_right(kernels, dtype) else None


@cache
def drawing_kernels(dtype: torch.dtype) -> Kernels | None:
    """The kernels that weigh logits of a dtype to draw from them; None as above."""
    kernels = kernels_for(dtype)
    return kernels if kernels is not None and _weighs(kernels, dtype) else None


def _weighs(kernels: Kernels, dtype: torch.dtype) -> bool:
    """Whether the greatest score and sums of weights are those in float64, with a token that is never said."""
    logits_SV = 5 * torch.randn((3, 3 * DRAW_BLOCK - 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    logits_SV[:, 7] = -torch.inf
    temperature_S = torch.tensor([0.5, 1.0, 2.0])
    best_S, top_S, sum_SK = kernels.weighed(logits_SV, temperature_S)
    score_SV = logits_SV.double() / temperature_S[:, None]
    weight_SV = (score_SV - score_SV.amax(1, keepdim=True)).exp()
    wanted_SK = torch.stack([block.sum(1) for block in weight_SV.split(DRAW_BLOCK, 1)], 1)
    return (
        torch.equal(best_S, logits_SV.argmax(1))
        and _off(top_S, score_SV.amax(1)) < 1e-5
        and _off(sum_SK, wanted_SK) < 1e-5
    )


@torch.enable_grad()
def _is_right(kernels: LayerKernels, dtype: torch.dtype) -> bool:
    """Whether each function and its gradients are those of its definition."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(dtype)

    cos, sin = drawn(2, 5, 6), drawn(2, 5, 6)
    cases: list[tuple[Callable[..., object], Callable[..., object], tuple[Tensor, ...]]] = [
        (lambda x, w: _run(NormedRows, x, w, EPS, kernels), _normed, (drawn(70, 37), drawn(37))),
        (
            lambda gate_up: _run(Gate, gate_up, kernels),
            lambda gate_up: silu(gate_up[:, :37]) * gate_up[:, 37:],
            (drawn(3, 74),),
        ),
        (
            lambda x: torch.cat(_run(TurnedHeads, x, cos, sin, 2, kernels), 1),
            lambda x: _turned(x, cos.double(), sin.double()),
            (drawn(2, 5, 7, 6),),
        ),
    ]
    return all(_agree(*case, TOLERANCE[dtype]) for case in cases) and _chooses(
        kernels, drawn(5, 1500), TOLERANCE[dtype]
    )


def _agree(ours: Callable[..., object], plain: Callable[..., object], inputs: tuple[Tensor, ...], bound: float) -> bool:
    """Whether what comes out and all gradients are those in float64."""
    found: list[list[Tensor]] = []
    for function, dtype in ((ours, inputs[0].dtype), (plain, torch.float64)):
        leaves = [each.detach().to(dtype).requires_grad_() for each in inputs]
        out = function(*leaves)
        assert isinstance(out, Tensor)
        due = torch.arange(out.numel(), dtype=torch.float64).cos().view(out.shape).to(dtype)
        found.append([out.detach(), *torch.autograd.grad(out, leaves, due)])
    return all(_off(mine, wanted) < bound for mine, wanted in zip(*found, strict=True))


def _chooses(kernels: LayerKernels, logits_NV: Tensor, bound: float) -> bool:
    """Whether log-probabilities, entropies and the gradient are those in float64, with a token that is never said."""
    logits_NV[:, 7] = -torch.inf
    target_N, due_N = torch.arange(len(logits_NV)), torch.arange(len(logits_NV)).float().cos()
    leaf_NV = logits_NV.double().requires_grad_()
    every_NV = (leaf_NV / 0.7).log_softmax(-1)
    wanted_N = every_NV.gather(1, target_N[:, None])[:, 0]
    chosen_N, entropy_N, total_N = kernels.chosen(logits_NV, target_N, 0.7, True)
    gradient_NV = kernels.chosen_back(logits_NV, target_N, total_N, due_N, 0.7)
    (wanted_NV,) = torch.autograd.grad(wanted_N, leaf_NV, due_N.double())
    entropy = -(every_NV.exp() * every_NV).detach().nan_to_num(nan=0.0).sum(-1)
    return (
        _off(chosen_N, wanted_N.detach()) < 1e-5
        and _off(entropy_N, entropy) < 1e-5
        and _off(gradient_NV, wanted_NV) < bound
    )


def _run(function: Any, *inputs: object) -> Any:
    return function.apply(*inputs)


def _off(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


def _normed(x: Tensor, weight: Tensor) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt() * weight


def _turned(heads_BTND: Tensor, cos_BTD: Tensor, sin_BTD: Tensor) -> Tensor:
    """Three queries and two keys turned, and two values, one after the other, [B, N, T, D]."""
    turned, value = heads_BTND.split([5, 2], 2)
    low, high = turned.chunk(2, -1)
    turned = turned * cos_BTD[:, :, None] + torch.cat([-high, low], -1) * sin_BTD[:, :, None]
    return torch.cat([turned, value], 2).transpose(1, 2)
