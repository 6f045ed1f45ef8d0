"""Projections of one input with low-rank adapters on them, as few products: the frozen block, and all adapters' first.

    y_i = W_i x + s_i B_i A_i x      W of all i is one block, A of all i are stacked (Hu et al. 2021, arXiv 2106.09685)

The sum is rounded once. Where W x is rounded before, as by peft's layers, what an adapter adds in its first steps in
bfloat16 is less than half of what can be told there, and most of it is lost.

Nothing of the frozen weights is kept but themselves; an adapter that is switched off costs nothing. What peft does
otherwise (several adapters at once, DoRA, dropout that drops, weights in four bits) stays with its own layers.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from accord.lm.products import is_plain, is_wide

__all__ = ["Projection", "adapted", "fuse_adapters", "projection_of", "unfuse_adapters"]


class Projection(NamedTuple):
    """A plain linear layer and the adapter on it: y = base x + scale up down x; without one, `down` is None."""

    base: nn.Linear
    down: Tensor | None = None
    up: Tensor | None = None
    scale: float = 1.0


class _FusedAdapter:
    """What a layer with an adapter is beside what it was."""

    def forward(self: Any, x: Tensor, *others: Any, **named: Any) -> Tensor:
        part = None if others or named else projection_of(self)
        if part is None:
            return super().forward(x, *others, **named)  # type: ignore[misc,no-any-return]
        if part.down is None:
            return part.base(x)  # type: ignore[no-any-return]
        return adapted(x.flatten(0, -2), [part], part.base.weight, part.base.bias).view(*x.shape[:-1], -1)


def fuse_adapters(model: nn.Module) -> bool:
    """Have every plain linear layer with adapters multiply so, in place; whether there are any."""
    from peft.tuners.lora.layer import Linear

    layers = [module for module in model.modules() if type(module) is Linear and is_plain(module.base_layer)]
    for layer in layers:
        layer.__class__ = type("Linear", (_FusedAdapter, Linear), {"__module__": Linear.__module__})
    return bool(layers)


def unfuse_adapters(model: nn.Module) -> None:
    """Undo `fuse_adapters`."""
    for module in model.modules():
        if isinstance(module, _FusedAdapter):
            module.__class__ = type(module).__bases__[1]


def projection_of(layer: Any) -> Projection | None:
    """What a layer computes, where that is a plain product and at most one plain adapter; else None."""
    if is_plain(layer):
        return Projection(layer)
    if not isinstance(layer, _FusedAdapter):
        return None
    known: Any = layer
    base = known.base_layer
    if known.disable_adapters:
        return None if known.merged else Projection(base)
    names = [name for name in known.active_adapters if name in known.lora_A]
    if known.merged or not names:
        return Projection(base)
    (name, *others) = names
    dropout = known.lora_dropout[name]
    drops = dropout.training and getattr(dropout, "p", 0.0) > 0
    if others or name in known.lora_variant or known.lora_bias.get(name) or drops or base.weight.requires_grad:
        return None
    down, up = known.lora_A[name].weight, known.lora_B[name].weight
    if down.dtype != base.weight.dtype:
        return None
    return Projection(base, down, up, float(known.scaling[name]))


def adapted(x_MD: Tensor, parts: Sequence[Projection], block_ND: Tensor, bias_N: Tensor | None = None) -> Tensor:
    """All projections of x side by side, [M, N]; `block_ND` are the weights under the adapters, one above the other."""
    form = (tuple(len(part.base.weight) for part in parts), tuple(part.scale for part in parts))
    low = [part.down for part in parts] + [part.up for part in parts]
    found: Tensor = _Adapted.apply(x_MD, block_ND, bias_N, form, *low)  # type: ignore[no-untyped-call]
    return found


class _Adapted(torch.autograd.Function):
    """x [M, D] times a frozen block, and each part's low-rank product added to its columns."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, block: Tensor, bias: Tensor | None, form: tuple[Any, Any], *low: Tensor | None
    ) -> Tensor:
        wide = _widening(x)
        half = len(low) // 2
        downs, ups = low[:half], low[half:]
        wide_x = wide(x)
        inner = wide_x @ wide(_stacked(downs)).mT
        y: Tensor = inner.new_zeros(len(x), len(block)) if bias is None else wide(bias).repeat(len(x), 1)
        for columns, rows, up, scale in _parts(form, downs, ups):
            y[:, columns].addmm_(inner[:, rows], wide(up).mT, alpha=scale)
        y.addmm_(wide_x, wide(block).mT)  # last: what it is added to is small, and stays
        ctx.form, ctx.half = form, half
        ctx.save_for_backward(x, block, inner.to(x.dtype), *low)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        x, block, inner, *low = ctx.saved_tensors
        downs, ups = low[: ctx.half], low[ctx.half :]
        wide = _widening(x)
        gradient, wide_inner = wide(gradients[0]), wide(inner)
        to_inner = torch.empty_like(wide_inner)
        to_ups: list[Tensor | None] = [None] * ctx.half
        places = [place for place, up in enumerate(ups) if up is not None]
        for place, (columns, rows, up, scale) in zip(places, _parts(ctx.form, downs, ups), strict=True):
            own = gradient[:, columns] * scale
            torch.mm(own, wide(up), out=to_inner[:, rows])
            if ctx.needs_input_grad[4 + ctx.half + place]:
                to_ups[place] = (own.mT @ wide_inner[:, rows]).to(up.dtype)
        to_downs: list[Tensor | None] = [None] * ctx.half
        if any(ctx.needs_input_grad[4 : 4 + ctx.half]):
            to_stack = (to_inner.mT @ wide(x)).to(x.dtype)
            sizes = [len(downs[place]) for place in places]
            for place, to_down in zip(places, to_stack.split(sizes), strict=True):
                to_downs[place] = to_down
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (gradient @ wide(block)).addmm_(to_inner, wide(_stacked(downs))).to(x.dtype)
        return to_x, None, None, None, *to_downs, *to_ups


def _widening(x: Tensor) -> Callable[[Tensor], Tensor]:
    """What makes a tensor as wide as products here are computed in."""
    return (lambda tensor: tensor.float()) if is_wide(x) else (lambda tensor: tensor)


def _stacked(downs: Sequence[Tensor | None]) -> Tensor:
    return torch.cat([down for down in downs if down is not None])


def _parts(form: tuple[Any, Any], downs: Sequence[Tensor | None], ups: Sequence[Tensor | None]) -> Any:
    """Of each adapter: its columns of the output, its rows of the stack, its second matrix, its scale."""
    column = row = 0
    for size, scale, down, up in zip(*form, downs, ups, strict=True):
        if down is not None:
            yield slice(column, column + size), slice(row, row + len(down)), up, scale
            row += len(down)
        column += size
