"""A decoder of bfloat16 weights that computes in float32 for a while, without a second copy of it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from accord.lm.fused import forget_blocks

__all__ = ["in_float32"]


@contextmanager
def in_float32(decoder: nn.Module, embedding: nn.Module, layers: int) -> Iterator[None]:
    """Inside the block, `decoder` takes its narrower weights as float32 and computes with those; then it has its own.

    A layer's weights are widened only while it runs: what is held besides is one layer, and the norms and positions
    outside of all `layers`. Rows of `embedding`, the input's, are widened after they are looked up.
    A decoder in float32 already is left alone.
    """
    if all(weight.dtype == torch.float32 for weight in decoder.parameters()):
        yield
        return
    narrow: dict[nn.Parameter, Tensor] = {}

    def widen(weights: Iterable[nn.Parameter]) -> None:
        for weight in weights:
            if weight.is_floating_point() and weight.dtype != torch.float32:
                narrow[weight], weight.data = weight.data, weight.data.float()

    def restore(weights: Iterable[nn.Parameter]) -> None:
        for weight in weights:
            if weight in narrow:
                weight.data = narrow.pop(weight)

    def before(layer: nn.Module, _: Any) -> None:
        widen(layer.parameters())

    def after(layer: nn.Module, *_: Any) -> None:
        restore(layer.parameters())
        forget_blocks(layer)

    own = [module for module in decoder.modules() if isinstance(module, nn.ModuleList) and len(module) == layers][:1]
    running = [layer for modules in own for layer in modules]
    apart = {weight for module in (embedding, *running) for weight in module.parameters()}
    hooks = [embedding.register_forward_hook(lambda _, __, rows: rows.float())]
    for layer in running:
        hooks += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after, always_call=True)]
    try:
        widen(weight for weight in decoder.parameters() if weight not in apart)
        yield
    finally:
        restore(list(narrow))
        forget_blocks(decoder)
        for hook in hooks:
            hook.remove()
