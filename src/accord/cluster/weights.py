"""The policy's weights as one block of safetensors, which Ray keeps in the shared memory of machines that read it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn

from accord.errors import ModelError
from accord.policy.samples_ahead import HEAD

__all__ = ["Block", "read_block", "weights_block"]

Block = NDArray[np.uint8]


def weights_block(weights: Mapping[str, Tensor]) -> Block:
    """Weights by name as the bytes of a file of safetensors; an array, which Ray hands on without copying it."""
    content = save({name: weight.detach().cpu().contiguous() for name, weight in weights.items()})
    return np.frombuffer(content, dtype=np.uint8)


@torch.no_grad()
def read_block(model: nn.Module, block: Block) -> nn.Linear | None:
    """Put the weights of a block into a model that has them; returns the value head that came with them, if one did.

    Raises `ModelError` where it has no weight of a name, or one of another shape: it was opened by other settings.
    """
    own: dict[str, Any] = dict(model.named_parameters())
    weights = load(block.tobytes())
    head = {name.removeprefix(HEAD): weights.pop(name) for name in list(weights) if name.startswith(HEAD)}
    for name, weight in weights.items():
        if name not in own or own[name].shape != weight.shape:
            has = f"one of {tuple(own[name].shape)}" if name in own else "none of that name"
            raise ModelError(f"weights for a sampler: {name} is {tuple(weight.shape)}, and its model has {has}")
        own[name].copy_(weight)
    return _linear(head, next(iter(own.values())).device) if head else None


def _linear(weights: Mapping[str, Tensor], device: torch.device) -> nn.Linear:
    made = nn.Linear(weights["weight"].shape[1], len(weights["weight"]), bias="bias" in weights, device=device)
    made.load_state_dict(dict(weights))
    return made
