"""Which batches fit into a memory budget, reckoned before training starts.

What a step keeps is counted, not guessed: the bytes that a forward pass saves for the backward pass are measured on
two short rows, and a row of T places keeps a T + b T^2 of them (b is attention's). What the process holds already is
asked of the system; gradients and moments, which come with the first step, are known exactly.
"""

import logging
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.memory import release_memory

__all__ = [
    "BATCH_TOKENS",
    "ActivationBytes",
    "BatchLimits",
    "default_row_tokens",
    "measure_activation_bytes",
    "plan_batch_limits",
]

ROW_TOKENS, BATCH_TOKENS = 320, 2048  # places of a row, and of a batch, where no budget says otherwise
NARROW = 64  # places of a row at least
SLACK = 1.25  # gradients of what is kept live beside it for a while
GB = 1e9
log = logging.getLogger("accord")


@dataclass(frozen=True)
class BatchLimits:
    """How answers are laid out: at most so many places in a row (unset: `default_row_tokens`), and in a batch."""

    row_tokens: int | None = None
    batch_tokens: int = BATCH_TOKENS


def default_row_tokens(causal: CausalModel) -> int:
    """Places of a row where nobody says otherwise: 320, or the model's width where that is less, but not below 64.

    A place looks along its whole row, also at what it must not see; in a row longer than the model is wide that costs
    more than what two answers save that share a prompt.
    """
    return min(ROW_TOKENS, max(NARROW, causal.width))


@dataclass(frozen=True)
class ActivationBytes:
    """Bytes that a row of T places keeps for its backward pass: `linear` T + `square` T^2, and `head` a prediction."""

    linear: float
    square: float
    head: float

    def row(self, places: int) -> float:
        """Bytes of one row whose every place predicts."""
        return (self.linear + self.head) * places + self.square * places**2


def plan_batch_limits(
    causal: CausalModel, *, memory_gb: float, longest: int, predicts: bool, stage: str
) -> BatchLimits:
    """The largest batches, up to the usual ones, that keep the process within `memory_gb`.

    To be called when all models and the optimiser are there, before the first step. `longest` is the longest sequence
    in tokens; `predicts` says whether logits are needed. Says what it did in the log. Raises `ModelError` where not
    even one sequence fits.
    """
    fixed = _held(causal) + _to_come(causal)
    kept = measure_activation_bytes(causal, predicts=predicts)
    left = memory_gb * GB - fixed

    def bytes_of(row: int, places: int) -> float:
        return SLACK * kept.row(row) * max(1.0, places / row)

    row = max(longest, default_row_tokens(causal))
    while row > longest and bytes_of(row, row) > left:
        row = max(longest, row // 2)
    if bytes_of(row, row) > left:
        needed = (fixed + bytes_of(row, row)) / GB
        raise ModelError(
            f"{stage}: one sequence of {longest} tokens needs about {needed:.1f} GB, of which {fixed / GB:.1f} for "
            f"weights and optimiser; memory_gb allows {memory_gb:g}. Raise it, set lora or trained_layers, or take a "
            "smaller model"
        )
    places = max(row, min(BATCH_TOKENS, int(row * left / bytes_of(row, row))))
    log.info(
        "%s: batches of %d places in rows of %d, about %.1f of the %g GB allowed",
        stage,
        places,
        row,
        (fixed + bytes_of(row, places)) / GB,
        memory_gb,
    )
    return BatchLimits(row, places)


def _held(causal: CausalModel) -> float:
    """Bytes that the process holds where the model is."""
    if causal.device.type == "cpu":
        release_memory()
        process: Any = psutil
        return float(process.Process().memory_info().rss)
    return float(torch.cuda.memory_allocated(causal.device))


def _to_come(causal: CausalModel) -> float:
    """Bytes of the gradients and moments of what is trained; float32 all, and a gradient in the weights' own type."""
    own = {weight: weight.element_size() if weight.dtype != torch.float32 else 0 for weight in causal.trainable()}
    return float(sum(weight.numel() * (4 + 8 + size) for weight, size in own.items()))


def measure_activation_bytes(causal: CausalModel, *, predicts: bool) -> ActivationBytes:
    """Measure what the model keeps for a backward pass."""
    short, long = 32, 64
    first, second = (_saved(causal, places) for places in (short, long))
    square = max(0.0, (second / long - first / short) / (long - short))
    linear = first / short - square * short
    # The logits as the head made them, and their gradient.
    size = next(causal.model.parameters()).element_size()
    return ActivationBytes(linear, square, 2.0 * size * causal.vocabulary if predicts else 0.0)


def _saved(causal: CausalModel, places: int) -> float:
    """Bytes of the tensors that the graph of one row keeps, weights and views of the same memory counted once."""
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        found[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.arange(places, device=causal.device)[None] % causal.vocabulary
    inputs: dict[str, Any] = {"input_ids": ids}
    if causal.packs:
        dtype = next(causal.model.parameters()).dtype
        seen = torch.full((1, 1, places, places), torch.finfo(torch.bfloat16).min, dtype=dtype, device=causal.device)
        inputs |= {"position_ids": torch.arange(places, device=causal.device)[None], "attention_mask": seen.triu(1)}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        causal.hidden(**inputs)
    for weight in causal.model.parameters():
        found.pop(weight.untyped_storage().data_ptr(), None)
    return float(sum(found.values()))
