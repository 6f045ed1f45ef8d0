"""Dropout: none in whatever is measured, and in an update what a recipe asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from accord.lm.causal import CausalModel

__all__ = ["dropping"]


@contextmanager
def dropping(causal: CausalModel, *, own: bool) -> Iterator[None]:
    """Inside the block adapters drop out, and with `own` the model by its configuration; before and after nothing does.

    Everything else that a model does otherwise while it is trained (noise in a router) comes with its own dropout.
    """
    trained = [causal.model] if own else _adapter_dropouts(causal.model)
    try:
        for module in trained:
            module.train()
        yield
    finally:
        for module in trained:
            module.eval()


def _adapter_dropouts(model: nn.Module) -> list[nn.Module]:
    dropouts = (getattr(module, "lora_dropout", None) for module in model.modules())
    return [each for each in dropouts if isinstance(each, nn.Module)]
