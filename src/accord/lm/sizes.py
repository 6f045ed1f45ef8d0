"""How many places, tokens and sequences are computed at a time.

On a CPU these are numbers that were found to be fast on two cores. On a GPU they follow the memory that is free there
and the model's widths. `memory_gb` bounds what is read as well as what is trained, on either.

    row        places of a row         batch   places of a batch: 2,048 for training, 4,096 for reading, on a CPU
    sequences  written at a time       prompts tokens of prompts that are computed in one pass

What a place takes while nothing is kept for a backward pass is reckoned from widths, of the layer where it is most:
the residual stream, a norm in float32, and either queries, keys and values with their turned copies or the gated
layer; and a row of the mask and of the scores where the backend makes those. Free memory is rounded down to a power of
two in the end, so that a little more or less of it changes no batch.
"""

from typing import Any

from accord.deferred import deferred
from accord.lm.causal import CausalModel

with deferred():
    import torch

__all__ = [
    "BATCH_TOKENS",
    "READ_TOKENS",
    "budget_gb",
    "default_row_tokens",
    "free_bytes",
    "most_training_tokens",
    "place_bytes",
    "prefill_tokens",
    "reading_tokens",
    "sequences_at_a_time",
]

GB = 1e9
ROW_TOKENS, BATCH_TOKENS, READ_TOKENS, PREFILL_TOKENS = 320, 2048, 4096, 2048  # on a CPU
NARROW = 64  # tokens of a row at least
GPU_ROW, GPU_BATCH, GPU_PREFILL = 2048, 1 << 15, 1 << 14  # beyond these a GPU is busy anyway
PREDICTED = 1024  # rows of logits made at a time, in the head's dtype and twice in float32
READING, WRITING, TRAINING = 0.25, 0.4, 0.85  # shares of what is free; the rest is others', or in pieces too small
READING_BUDGET = 0.125  # of `memory_gb`, the most of which is weights, gradients and moments
ROOM = 1 << 28  # bytes of keys and values of the sequences that are written at once on a CPU


def free_bytes(device: torch.device) -> int | None:
    """What may still be taken on a GPU, what torch holds there unused included; None where memory is the CPU's."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def default_row_tokens(causal: CausalModel, *, free: int | None = None) -> int:
    """Places of a row where nobody says otherwise: 320, or the model's width where that is less, but not below 64.

    A place looks along its whole row, also at what it must not see; in a row longer than the model is wide that costs
    more than what two answers save that share a prompt. Where blocks that nobody sees are left out on a GPU, 2,048.
    """
    free = free_bytes(causal.device) if free is None else free
    if free is not None and causal.attention == "flex":
        return min(GPU_ROW, causal.context)
    return min(ROW_TOKENS, max(NARROW, causal.width))


def most_training_tokens(causal: CausalModel, *, free: int | None = None) -> int:
    """Places of a batch of training at most, whatever memory allows."""
    free = free_bytes(causal.device) if free is None else free
    return BATCH_TOKENS if free is None else GPU_BATCH


def budget_gb(
    causal: CausalModel, memory_gb: float | None, *, free: int | None = None, in_use: int | None = None
) -> float | None:
    """What training may take, in GB: what was asked for; else on a GPU a share of what is free beside what is `in_use`.

    None on a CPU where nothing was asked for: batches are then of the usual size.
    """
    free = free_bytes(causal.device) if free is None else free
    if memory_gb is not None or free is None:
        return memory_gb
    in_use = torch.cuda.memory_allocated(causal.device) if in_use is None else in_use
    return (in_use + TRAINING * free) / GB


def reading_tokens(causal: CausalModel, usual: int = READ_TOKENS, *, free: int | None = None) -> int:
    """Places of a batch that is read without gradients: `usual` on a CPU, unless `memory_gb` allows less."""
    free = free_bytes(causal.device) if free is None else free
    bounds = [] if free is None else [READING * free]
    if causal.memory_gb is not None:
        bounds.append(READING_BUDGET * causal.memory_gb * GB)
    if not bounds:
        return usual
    logits = PREDICTED * causal.vocabulary * (causal.dtype.itemsize + 8)
    row = default_row_tokens(causal, free=free)
    places = int((min(bounds) - logits) / place_bytes(causal, row))
    return max(NARROW, min(usual if free is None else GPU_BATCH, _power_of_two(places)))


def sequences_at_a_time(causal: CausalModel, length: int, *, free: int | None = None) -> int:
    """How many sequences of so many tokens are written at once: as many as their keys and values have room for.

    From 64 to 512 of them, or from 1 to 1,024 on a GPU. The cache is copied when it grows, so it is there twice.
    """
    free = free_bytes(causal.device) if free is None else free
    if free is None:
        return max(64, min(512, ROOM // (2 * 4 * causal.layers * causal.width * length)))
    heads = _widths(causal)["keys"]
    a_sequence = 2 * 2 * causal.layers * heads * length * causal.dtype.itemsize
    return max(1, min(1024, _power_of_two(int(WRITING * free / a_sequence))))


def prefill_tokens(causal: CausalModel, *, free: int | None = None) -> int:
    """Tokens of prompts that are computed in one pass, whose keys and values of all layers are kept."""
    free = free_bytes(causal.device) if free is None else free
    if free is None:
        return PREFILL_TOKENS
    kept = 2 * 2 * causal.layers * _widths(causal)["keys"] * causal.dtype.itemsize
    places = int(READING * free / (place_bytes(causal, default_row_tokens(causal, free=free)) + kept))
    return max(NARROW, min(GPU_PREFILL, _power_of_two(places)))


def place_bytes(causal: CausalModel, row: int) -> float:
    """Bytes that a place of a row takes while it is read, where it is most of all layers."""
    size, widths = causal.dtype.itemsize, _widths(causal)
    stream = 2 * widths["hidden"] * size + 2 * widths["hidden"] * 4
    attention = (3 * widths["queries"] + 4 * widths["keys"]) * size
    gated = 3 * widths["gated"] * size
    mask = 0 if causal.attention == "flex" else row * (1 + size)
    scores = 2 * widths["heads"] * row * size if causal.attention == "grouped" else 0
    return float(stream + max(attention + mask + scores, gated + mask))


def _widths(causal: CausalModel) -> dict[str, int]:
    """Of hidden states, all queries, all keys (or values), the gated layer; how many heads there are."""
    config: Any = causal.model.config.get_text_config()
    hidden, heads = causal.width, int(getattr(config, "num_attention_heads", None) or 1)
    head = int(getattr(config, "head_dim", None) or hidden // heads)
    shared = int(getattr(config, "num_key_value_heads", None) or heads)
    gated = int(getattr(config, "intermediate_size", None) or 4 * hidden)
    return {"hidden": hidden, "queries": heads * head, "keys": shared * head, "gated": gated, "heads": heads}


def _power_of_two(number: int) -> int:
    """The greatest that is not above `number`; 0 below 1."""
    return 1 << (number.bit_length() - 1) if number > 0 else 0
