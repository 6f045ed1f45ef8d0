"""Stages whose model lies in parts with the processes that train it (`accord.lm.sharding`), where the recipe says so.

Processes make passes together, so each makes as many as the one with the most to read: those that have read all that is
theirs read an `idle_batch`, whose loss is an empty sum and whose gradient is 0.
"""

import logging
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of
from accord.lm.packed import PackedBatch
from accord.lm.sharding import Sharded, shard, sharded_of, why_not_sharded
from accord.train.checkpointing import weights_digest
from accord.train.optimiser import Optimiser
from accord.train.ranks import gather, is_first, is_sharding

__all__ = ["end_sharding", "evened", "idle_batch", "shard_model", "with_idle"]

T = TypeVar("T")
log = logging.getLogger("accord")


def shard_model(causal: CausalModel) -> dict[nn.Parameter, nn.Parameter]:
    """Deal the weights of a model out over the processes that share the stage, where these are to hold it in parts.

    To be called when all that is trained in it is there, and before the optimiser is made. Returns each weight's share
    by the weight as it was; nothing where the model stays whole, of which a warning tells where it cannot be dealt out.
    """
    if not is_sharding() or sharded_of(causal.model) is not None:
        return {}
    try:
        layers = list(layers_of(causal))
        reason = why_not_sharded(causal.model, layers)
    except ModelError:
        reason = "its layers cannot be told from its other parts"
    if reason:
        log.warning("%s: not sharded (%s); every process holds it whole", causal.name, reason)
        return {}
    return shard(causal.model, layers, digest=weights_digest(causal.model))


def end_sharding(optimiser: Optimiser, model: nn.Module | None) -> None:
    """All steps are made: the first process has the model whole, and what the optimiser leaves; the others nothing."""
    sharded: Sharded | None = None if model is None else sharded_of(model)
    if sharded is not None:
        optimiser.let_go(sharded.end, keep=is_first())


def evened(causal: CausalModel, batches: Sequence[PackedBatch]) -> list[PackedBatch]:
    """Some batches, and where the model is sharded as many idle ones as bring every process to the same number."""
    return with_idle(causal, batches, idle_batch(causal))


def with_idle(causal: CausalModel, parts: Sequence[T], idle: T) -> list[T]:
    """The same of any parts of a step that are read one after the other."""
    if sharded_of(causal.model) is None:
        return list(parts)
    return [*parts, *[idle] * (max(gather(len(parts))) - len(parts))]


def idle_batch(causal: CausalModel) -> PackedBatch:
    """One token that nothing is asked of."""
    nothing = torch.zeros(0, dtype=torch.long, device=causal.device)
    zero = torch.zeros((1, 1), dtype=torch.long, device=causal.device)
    ids = torch.full_like(zero, causal.pad_id)
    places = (nothing, nothing, nothing, nothing, nothing, nothing)
    return PackedBatch((), ids, zero, zero, zero, *places, longest=1, answers=(), begins=(), single=True)
