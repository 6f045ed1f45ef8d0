"""Weights of four bits made whole, and a linear layer that multiplies by them."""

from copy import copy
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

__all__ = ["four_bit_linear", "whole_weight"]

BLOCK = 64  # weights that share a scale


def whole_weight(weight: Tensor, state: Any) -> Tensor:
    """The weights that four bits stand for: of one long row, for blocks go on from row to row.

    With AVX-512 bitsandbytes (0.50) makes others of a matrix whose rows are not so many whole blocks.
    """
    from bitsandbytes.functional import dequantize_4bit

    flat = copy(state)
    flat.shape = torch.Size([state.shape.numel()])
    whole: Tensor = dequantize_4bit(weight.detach(), flat)
    return whole.view(state.shape).to(state.dtype)


@cache
def four_bit_linear() -> type:
    """bitsandbytes' linear layer, whose weights on a CPU are those of `whole_weight` whatever its width."""
    from bitsandbytes.nn import Linear4bit

    class FourBitLinear(Linear4bit):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            if x.device.type != "cpu" or self.in_features % BLOCK == 0:
                return super().forward(x)  # type: ignore[no-any-return]
            product: Tensor = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return product

    return FourBitLinear


class _Product(torch.autograd.Function):
    """x times weights of four bits, which are made whole for it and once more for the gradient of x, and not kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Any, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return linear(
            x, whole_weight(weight, weight.quant_state).to(x.dtype), None if bias is None else bias.to(x.dtype)
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        return gradient @ whole_weight(ctx.weight, ctx.weight.quant_state).to(gradient.dtype), None, None
