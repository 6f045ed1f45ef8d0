"""Low-rank adapters in another dtype, and added into the weights that they belong to."""

from typing import Any

import torch
from torch import nn

__all__ = ["cast_adapters", "merge_adapters"]


def cast_adapters(model: nn.Module, dtype: torch.dtype) -> None:
    """Have the adapters of a model in `dtype`, in place."""
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.to(dtype)


def merge_adapters(model: Any) -> Any:
    """The model with its adapters added into its weights, in place: multiplied in float32 and rounded once."""
    cast_adapters(model, torch.float32)
    return model.merge_and_unload()
