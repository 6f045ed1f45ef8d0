"""Which linear layers of a decoder are more than a product, and are neither adapted nor rounded."""

from torch import nn

__all__ = ["not_plain"]

MAMBA = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")  # peft refuses to adapt their `out_proj`


def not_plain(model: nn.Module) -> list[str]:
    """Linear layers that take no adapters: routers, which give more than a product, and what Mamba reads whole."""
    kind = model.config.model_type  # type: ignore[union-attr]
    whole = ("out_proj",) if kind in MAMBA else ()
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and (type(module).__name__.endswith("Router") or name.rpartition(".")[2] in whole)
    ]
