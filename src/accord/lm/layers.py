"""Using fewer layers of a decoder than it has, or training fewer.

What a reward needs is often there before the last layer, and the first layers change least: cutting the former and
freezing the latter saves their share of the work. A frozen layer below all trained ones needs no backward pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel

__all__ = ["cut_layers", "each_kind_of_layer", "freeze_below", "layers_of"]


def layers_of(causal: CausalModel) -> nn.ModuleList:
    """The decoder's layers, first to last. Raises `ModelError` where they cannot be told from its other parts."""
    count = causal.layers
    for module in causal.model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ModelError(f"{causal.name}: no list of {count} layers in it; leave `layers` and `trained_layers` unset")


def cut_layers(causal: CausalModel, count: int) -> None:
    """Drop all layers but the first `count`; the final norm then reads the last of them."""
    layers = layers_of(causal)
    if not 1 <= count <= len(layers):
        raise ModelError(f"{causal.name} has {len(layers)} layers, not {count}")
    del layers[count:]
    config: Any = causal.model.config.get_text_config()
    config.num_hidden_layers = count
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:count]


@contextmanager
def each_kind_of_layer(causal: CausalModel) -> Iterator[None]:
    """Inside the block, the model has no more than its first layers: as many as hold every kind of layer that it has.

    Layers are of one kind where they are made of the same modules with the same plain attributes.
    """
    layers = layers_of(causal)
    kinds = [_kind(layer) for layer in layers]
    count = max(kinds.index(kind) for kind in set(kinds)) + 1
    config: Any = causal.model.config.get_text_config()
    others, names = list(layers)[count:], getattr(config, "layer_types", None)
    try:
        cut_layers(causal, count)
        yield
    finally:
        layers.extend(others)
        config.num_hidden_layers = len(layers)
        if names:
            config.layer_types = names


def _kind(layer: nn.Module) -> tuple[Any, ...]:
    """What a layer is made of, without its number and its weights."""

    def told(module: nn.Module) -> list[tuple[str, Any]]:
        own = {key: value for key, value in vars(module).items() if key != "layer_idx"}
        return sorted((key, value) for key, value in own.items() if isinstance(value, bool | int | float | str))

    return tuple((name, type(module).__name__, *told(module)) for name, module in layer.named_modules())


def freeze_below(causal: CausalModel, count: int) -> None:
    """Freeze the embeddings and all layers but the last `count`. Where the head is the embedding, it is frozen too."""
    layers = layers_of(causal)
    if count > len(layers):
        raise ModelError(f"{causal.name} has {len(layers)} layers, not {count}")
    frozen = list(layers)[: len(layers) - count]
    for module in (causal.model.get_input_embeddings(), *frozen):
        module.requires_grad_(False)
    for name, weight in causal.backbone.named_parameters():
        if "position" in name or name.startswith(("wpe", "wte", "embed")):
            weight.requires_grad_(False)
