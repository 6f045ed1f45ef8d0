"""Which batches fit into a memory budget, reckoned before training starts.

What a step keeps is counted, not guessed: the bytes that a forward pass saves for the backward pass are measured on
two short rows, and a row of T tokens keeps a T + b T^2 of them (b is attention's). What the process holds already is
asked of the system; gradients and moments, which come with the first step, are known exactly.
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from torch import Tensor

from accord.artefacts import BATCHES, BatchLimitsRow
from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.layout import AttentionLayout
from accord.lm.logprobs import logit_bytes
from accord.lm.memory import release_memory
from accord.lm.packed import PackedBatch, TokenizedCompletion, count_batches, pack
from accord.lm.recomputation import keeping_everything, recomputes
from accord.lm.settings import ModelSettings
from accord.lm.sharding import own_part, sharded_of, whole
from accord.lm.sizes import BATCH_TOKENS, budget_gb, default_row_tokens, most_training_tokens
from accord.run import RunDirectory
from accord.train.eight_bit import BYTES_A_MOMENT
from accord.train.ranks import from_first
from accord.train.sharding import evened

__all__ = ["ActivationBytes", "BatchLimits", "measure_activation_bytes", "plan_batch_limits", "stage_batch_limits"]

SLACK = 1.25  # gradients of what is kept live beside it for a while
GB = 1e9
log = logging.getLogger("accord")


@dataclass(frozen=True)
class BatchLimits:
    """How answers are laid out: at most so many tokens in a row (unset: `default_row_tokens`), and in a batch."""

    row_tokens: int | None = None
    batch_tokens: int = BATCH_TOKENS

    def pack(self, causal: CausalModel, answers: Iterable[TokenizedCompletion]) -> list[PackedBatch]:
        """Lay answers out within these limits (`accord.lm.packed.pack`), of a sharded model in as many as all have."""
        return evened(causal, pack(causal, answers, row_tokens=self.row_tokens, batch_tokens=self.batch_tokens))

    def fit(self, causal: CausalModel, answers: Iterable[TokenizedCompletion]) -> bool:
        """Whether answers fit one batch."""
        return count_batches(causal, answers, row_tokens=self.row_tokens, batch_tokens=self.batch_tokens) <= 1


def stage_batch_limits(
    settings: ModelSettings, causal: CausalModel, run: RunDirectory, stage: str, *, longest: int, predicts: bool = True
) -> BatchLimits:
    """The batch limits of a training stage: the usual ones, or those planned for `settings.memory_gb`.

    On a GPU they are planned for what is free there, where that is not set.

    longest    the longest sequence in tokens
    predicts   whether logits are needed

    To be called when all models and the optimiser of the stage are there. A plan is kept in the run, so that a
    resumed stage splits its batches as before; processes that share the stage have the first one's. Raises `ModelError`
    where not even one sequence fits.
    """
    memory_gb = budget_gb(causal, settings.memory_gb)
    if memory_gb is None:
        return BatchLimits()

    if from_first(lambda: BATCHES.has(run, stage)):
        return from_first(lambda: _kept(run, stage))
    with whole(causal.model):
        activations = measure_activation_bytes(causal, predicts=predicts)

    def planned() -> BatchLimits:
        moments = getattr(getattr(settings, "optim", None), "moments", "float32")
        limits = plan_batch_limits(
            causal, activations, memory_gb=memory_gb, longest=longest, stage=stage, moments=moments
        )
        BATCHES.write(run, BatchLimitsRow(**vars(limits)), stage=stage)
        return _kept(run, stage)

    return from_first(planned)


def _kept(run: RunDirectory, stage: str) -> BatchLimits:
    row = BATCHES.read(run, stage)
    return BatchLimits(row.row_tokens, row.batch_tokens)


@dataclass(frozen=True)
class ActivationBytes:
    """Bytes that a row of T tokens keeps for its backward pass: `linear` T + `square` T^2, and `head` a prediction.

    Those of all predictions are `most_head` at most (`accord.lm.logprobs`).
    """

    linear: float
    square: float
    head: float
    most_head: float = math.inf

    def row(self, tokens: int) -> float:
        """Bytes of one row whose every token predicts."""
        return self.linear * tokens + min(self.head * tokens, self.most_head) + self.square * tokens**2


def plan_batch_limits(
    causal: CausalModel,
    activations: ActivationBytes,
    *,
    memory_gb: float,
    longest: int,
    stage: str,
    moments: str = "float32",
) -> BatchLimits:
    """The largest batches, up to the usual ones, that keep the process within `memory_gb`.

    To be called when all models and the optimiser are there, before the first step. `activations` is what a pass keeps,
    `longest` the longest sequence in tokens, `moments` what the optimiser keeps them in. Says what it did in the log.
    Raises `ModelError` where not even one sequence fits.
    """
    fixed = _held(causal) + _to_come(causal, 2 * BYTES_A_MOMENT[moments])
    available = memory_gb * GB - fixed

    def bytes_of(row: int, tokens: int) -> float:
        return SLACK * activations.row(row) * max(1.0, tokens / row)

    row = max(longest, default_row_tokens(causal))
    while row > longest and bytes_of(row, row) > available:
        row = max(longest, row // 2)
    if bytes_of(row, row) > available:
        needed = (fixed + bytes_of(row, row)) / GB
        raise ModelError(
            f"{stage}: one sequence of {longest} tokens needs about {needed:.1f} GB, of which {fixed / GB:.1f} for "
            f"weights and optimiser; memory_gb allows {memory_gb:g}. Raise it, set checkpointing, lora or "
            "trained_layers, or take a smaller model"
        )
    tokens = max(row, min(most_training_tokens(causal), int(row * available / bytes_of(row, row))))
    log.info(
        "%s: batches of %d tokens in rows of %d, about %.1f of the %g GB allowed",
        stage,
        tokens,
        row,
        (fixed + bytes_of(row, tokens)) / GB,
        memory_gb,
    )
    return BatchLimits(row, tokens)


def _held(causal: CausalModel) -> float:
    """Bytes that the process holds where the model is."""
    if causal.device.type == "cpu":
        release_memory()
        process: Any = psutil
        return float(process.Process().memory_info().rss)
    return float(torch.cuda.memory_allocated(causal.device))


def _to_come(causal: CausalModel, moments: int = 8) -> float:
    """Bytes of the gradients and moments of what is trained: gradients in float32 and in the weights' own type; and of
    states of frozen layers.

    Of a sharded model those of this process's rows, and what is gathered at once.
    """
    own = {weight: weight.element_size() if weight.dtype != torch.float32 else 0 for weight in causal.trainable()}
    sharded = sharded_of(causal.model)
    passing = 0 if sharded is None else sharded.gathered_bytes
    passing += 0 if causal.prefix is None else causal.prefix.most_bytes
    return float(passing + sum(own_part(weight).numel() * (4 + moments + size) for weight, size in own.items()))


def measure_activation_bytes(causal: CausalModel, *, predicts: bool) -> ActivationBytes:
    """Measure what the model keeps for a backward pass."""
    short, long = 32, 64
    first, second = (_saved(causal, tokens) for tokens in (short, long))
    square = max(0.0, (second / long - first / short) / (long - short))
    linear = first / short - square * short
    return ActivationBytes(linear, square, *(logit_bytes(causal) if predicts else (0.0,)))


def _saved(causal: CausalModel, tokens: int) -> float:
    """Bytes that one row keeps; where layers are computed again, what goes into them and the rest of one of them."""
    kept = _of_graph(causal, tokens)
    if not recomputes(causal):
        return kept
    with keeping_everything(causal):
        everything = _of_graph(causal, tokens)
    return kept + max(0.0, everything - kept) / causal.layers


def _of_graph(causal: CausalModel, tokens: int) -> float:
    """Bytes of the tensors that the graph of one row keeps, weights and views of the same memory counted once."""
    saved_bytes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved_bytes[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.arange(tokens, device=causal.device)[None] % causal.vocabulary
    inputs: dict[str, Any] = {"input_ids": ids}
    if causal.packs:
        layout = AttentionLayout((1, tokens, tokens), causal.device, tokens - 1, causal.window, causal.attention)
        inputs |= {"position_ids": torch.arange(tokens, device=causal.device)[None], **layout.inputs()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        causal.hidden(**inputs)
    for weight in causal.model.parameters():
        saved_bytes.pop(weight.untyped_storage().data_ptr(), None)
    return float(sum(saved_bytes.values()))
