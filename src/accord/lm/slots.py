"""Keys and values of the sequences being written: one block of memory, a slot for each sequence.

    kv   [layers, 2, S, K, T, D]    keys and values of S slots, K key heads, T places
    slots 0..a-1 run; where one of them ends, the last running one takes its place, so that a step reads one block

A model reaches them through its attention function, which hands over the new keys and values of each layer.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["KeyValues", "Prefill", "Slots"]


class KeyValues(Protocol):
    """Takes the new keys and values of a layer, [B, K, T, D] each, and returns those to attend to."""

    def put(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]: ...


class Prefill:
    """Keeps what a forward pass over whole prompts computes."""

    def __init__(self) -> None:
        self._layers: dict[int, Tensor] = {}

    def put(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the layer's keys and values and attend to them."""
        self._layers[layer] = torch.stack([key, value])
        return key, value

    @property
    def layers(self) -> int:
        """How many layers have handed theirs over."""
        return len(self._layers)

    def stacked(self) -> Tensor:
        """[layers, 2, P, K, T, D]."""
        return torch.stack([self._layers[layer] for layer in sorted(self._layers)])


class Slots:
    """Room for `count` sequences of `length` places; it grows where a longer one comes."""

    def __init__(self, count: int, length: int) -> None:
        self.count, self.length = count, length
        self._kv: Tensor | None = None
        self._rows = torch.zeros(0, dtype=torch.long)
        self._places = self._rows
        self._seen = 0

    def fill(self, slots: Sequence[int], kv: Tensor) -> None:
        """Put a prompt's keys and values, [layers, 2, K, T, D], at the beginning of some slots."""
        layers, two, heads, size, width = kv.shape
        if self._kv is None or size > self.length:
            self.reserve(size)
        if self._kv is None:
            self._kv = kv.new_zeros((layers, two, self.count, heads, self.length, width))
        for slot in slots:
            self._kv[:, :, slot, :, :size] = kv

    def reserve(self, length: int) -> None:
        """Room for sequences of `length` places."""
        if length <= self.length:
            return
        self.length = max(length, 2 * self.length)
        if self._kv is not None:
            old = self._kv
            self._kv = old.new_zeros((*old.shape[:4], self.length, old.shape[5]))
            self._kv[:, :, :, :, : old.shape[4]] = old

    def move(self, source: int, target: int, size: int) -> None:
        """Copy the first `size` places of one slot to another."""
        assert self._kv is not None
        self._kv[:, :, target, :, :size] = self._kv[:, :, source, :, :size]

    def at(self, position_a: Tensor) -> Tensor:
        """Prepare a step in which slot i writes place `position_a[i]`; returns what may be seen, [a, 1, 1, t] added."""
        self._places = position_a
        self._rows = torch.arange(len(position_a), device=position_a.device)
        self._seen = int(position_a.max()) + 1
        beyond_at = torch.arange(self._seen, device=position_a.device) > position_a[:, None]
        mask_at = torch.zeros(beyond_at.shape, device=position_a.device).masked_fill_(
            beyond_at, torch.finfo(torch.bfloat16).min
        )
        return mask_at[:, None, None]

    def put(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write one place of each running slot, [a, K, 1, D]; attend to all places up to the longest's."""
        return self.put_both(layer, torch.stack([key[:, :, 0], value[:, :, 0]]))

    def put_both(self, layer: int, kv_2aKD: Tensor) -> tuple[Tensor, Tensor]:
        """The same from one tensor, [2, a, K, D]; returns keys and values [a, K, t, D]."""
        assert self._kv is not None
        mine = self._kv[layer]
        mine[:, self._rows, :, self._places] = kv_2aKD.transpose(0, 1)
        seen = mine[:, : len(self._rows), :, : self._seen]
        return seen[0], seen[1]
