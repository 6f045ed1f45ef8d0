"""Matrix products of bfloat16 on a processor without instructions for it: in float32, rounded once at the end.

The library's own are slow there: seven times slower than in float32, and forty where the gradient of an input is worked
out (AVX2). What is multiplied is made wide when its turn comes and let go of again; nothing is kept but what came in.
Everywhere else these are the library's products.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from accord.lm.machine import computes_bfloat16

__all__ = ["WideLinear", "batched", "is_plain", "is_wide", "multiply", "use_wide_products", "widened"]


def is_wide(x: Tensor) -> bool:
    """Whether what is multiplied is made wide: bfloat16 on a CPU that does not compute in it."""
    return x.dtype == torch.bfloat16 and x.device.type == "cpu" and not computes_bfloat16()


def widened(x: Tensor) -> Tensor:
    """What several products read, made wide once where each of them would."""
    return x.float() if is_wide(x) else x


def multiply(a: Tensor, b: Tensor, add: Tensor | None = None) -> Tensor:
    """a [..., M, K] times b [..., K, N], and `add` [N] where it is there; what autograd is not to see.

    One of them may have been `widened`: the product is in the dtype of the other.
    """
    if not (is_wide(a) or is_wide(b)):
        return a @ b if add is None else torch.addmm(add, a, b)
    product = torch.matmul(a.float(), b.float())
    return (product if add is None else product.add_(add)).to(torch.bfloat16)


def batched(a_NMK: Tensor, b_NKL: Tensor) -> Tensor:
    """The products of N matrices each, with gradients."""
    return _Product.apply(a_NMK, b_NKL) if is_wide(a_NMK) else torch.bmm(a_NMK, b_NKL)  # type: ignore[no-untyped-call]


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is a linear one and nothing more."""
    return type(layer) in (nn.Linear, WideLinear)


def use_wide_products(model: nn.Module) -> None:
    """Have every plain linear layer of a model in bfloat16 multiply so, where that is faster here; in place."""
    for module in model.modules():
        if type(module) is nn.Linear and is_wide(module.weight):
            module.__class__ = WideLinear


class WideLinear(nn.Linear):
    """A linear layer that multiplies in float32, whatever its weights are in."""

    def forward(self, x: Tensor) -> Tensor:
        if not is_wide(x):
            return linear(x, self.weight, self.bias)
        product: Tensor = _Linear.apply(x.flatten(0, -2), self.weight, self.bias)  # type: ignore[no-untyped-call]
        return product.view(*x.shape[:-1], -1)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return multiply(a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        gradient = widened(gradients[0])
        to_a = multiply(gradient, b.mT) if ctx.needs_input_grad[0] else None
        to_b = multiply(a.mT, gradient) if ctx.needs_input_grad[1] else None
        return to_a, to_b


class _Linear(torch.autograd.Function):
    """x [M, K] times weight [N, K], and a bias where there is one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return multiply(x, weight.mT, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = widened(gradients[0])
        to_x = multiply(gradient, weight) if ctx.needs_input_grad[0] else None
        to_weight = multiply(gradient.mT, x) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, gradients[0].sum(0) if ctx.needs_input_grad[2] else None
