"""The policy's weights as one block of safetensors, which Ray keeps in the shared memory of machines that read it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn

from accord.errors import ModelError

__all__ = ["Block", "read_block", "weights_block"]

Block = NDArray[np.uint8]


def weights_block(weights: Mapping[str, Tensor]) -> Block:
    """Weights by name as the bytes of a file of safetensors; an array, which Ray hands on without copying it."""
    content = save({name: weight.detach().cpu().contiguous() for name, weight in weights.items()})
    return np.frombuffer(content, dtype=np.uint8)


@torch.no_grad()
def read_block(model: nn.Module, block: Block) -> None:
    """Put the weights of a block into a model that has them.

    Raises `ModelError` where it has no weight of a name, or one of another shape: it was opened by other settings.
    """
    own: dict[str, Any] = dict(model.named_parameters())
    for name, weight in load(block.tobytes()).items():
        if name not in own or own[name].shape != weight.shape:
            has = f"one of {tuple(own[name].shape)}" if name in own else "none of that name"
            raise ModelError(f"weights for a sampler: {name} is {tuple(weight.shape)}, and its model has {has}")
        own[name].copy_(weight)
