"""Activation checkpointing: what a layer kept for its backward pass is computed again when that comes.

A step then keeps what goes into each layer, and of one layer at a time all the rest (Chen et al. 2016, arXiv
1604.06174), for about a third more of the time. The numbers stay the same, bit for bit where a pass done twice is:
the second pass is made by the same layers in the same modes, with the same random numbers where they drop out.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of

__all__ = ["keeping_everything", "recompute_layers", "recomputes"]


def recompute_layers(causal: CausalModel) -> None:
    """Have each layer of the decoder computed again in the backward pass, in place.

    Raises `ModelError` where its layers cannot be told from its other parts.
    """
    for layer in layers_of(causal):
        if not isinstance(layer, _Recomputed):
            own = type(layer)
            layer.__class__ = type(own.__name__, (_Recomputed, own), {"__module__": own.__module__})


def recomputes(causal: CausalModel) -> bool:
    """Whether its layers are computed again in the backward pass."""
    return any(isinstance(module, _Recomputed) for module in causal.model.modules())


@contextmanager
def keeping_everything(causal: CausalModel) -> Iterator[None]:
    """Inside the block layers keep what they would without."""
    layers = [module for module in causal.model.modules() if isinstance(module, _Recomputed)]
    for layer in layers:
        layer.__dict__["_keeps"] = True
    try:
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("_keeps")


class _Recomputed:
    """What a layer is beside what it was. Where no gradient is wanted it does what it did."""

    def forward(self: Any, *inputs: Any, **others: Any) -> Any:
        own: Any = super().forward  # type: ignore[misc]
        if not torch.is_grad_enabled() or self.__dict__.get("_keeps"):
            return own(*inputs, **others)
        return checkpoint(own, *inputs, use_reentrant=False, context_fn=_modes_as_now(self), **others)


def _modes_as_now(layer: nn.Module) -> Any:
    """What `checkpoint` asks for: contexts of the first pass and of the second, which drops out as the first did.

    By the time of the backward pass whoever had the model drop out (`accord.lm.dropout`) has left off.
    """
    dropping = [module for module in layer.modules() if module.training]

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _training(layer, dropping)

    return contexts


@contextmanager
def _training(layer: nn.Module, chosen: list[nn.Module]) -> Iterator[None]:
    """Inside the block these modules of a layer, and no others, are in training mode."""
    modules = list(layer.modules())
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        for module in chosen:
            module.training = True
        yield
    finally:
        for module, mode in zip(modules, before, strict=True):
            module.training = mode
