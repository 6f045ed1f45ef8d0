"""Keys and values of the sequences being written: one block of memory each, a slot for each sequence.

    keys     [layers, S, K, D, T]    of S slots, K key heads, T positions; D before T, for the product with queries
    values   [layers, S, K, T, D]
    slots 0..a-1 run; where one of them ends, the last running one takes its slot, so that a step reads one block

A model reaches them through its attention function, which hands over the new keys and values of each layer.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from accord.lm.layout import AttentionLayout, Window

__all__ = ["KVCache", "KeyValues", "PrefillCache", "ReachedLayers"]


class KeyValues(Protocol):
    """Takes the new keys and values of a layer, [B, K, T, D] each, and returns those to attend to."""

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]: ...


class PrefillCache:
    """Keeps what a forward pass over whole prompts computes."""

    def __init__(self) -> None:
        self._layers: dict[int, Tensor] = {}

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the layer's keys and values and attend to them."""
        self._layers[layer] = torch.stack([key, value])
        return key, value

    def stacked(self) -> Tensor:
        """[layers, 2, P, K, T, D]."""
        return torch.stack([self._layers[layer] for layer in sorted(self._layers)])


class ReachedLayers:
    """Keeps nothing, and counts the layers that hand over their keys and values."""

    def __init__(self) -> None:
        self._layers: set[int] = set()

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the layer's own keys and values."""
        self._layers.add(layer)
        return key, value

    def __len__(self) -> int:
        return len(self._layers)


class KVCache:
    """Room for the sequences that run: `count` at most, each for as many positions as the longest of them has.

    Rows and positions grow by need and shrink where a quarter of them would do, so what is held follows from what runs
    and not from what was once asked. `length` positions are kept while anything runs.
    """

    def __init__(self, count: int, length: int) -> None:
        self.count, self._least = count, length
        self._key = self._value = torch.empty(0)
        self._rows = torch.zeros(0, dtype=torch.long)
        self._places = self._rows
        self._seen = 0

    @property
    def bytes(self) -> int:
        """How much memory is held."""
        return self._key.nbytes + self._value.nbytes

    def fill(self, slots: Sequence[int], kv: Tensor) -> None:
        """Put a prompt's keys and values, [layers, 2, K, T, D], at the beginning of some slots."""
        layers, _, heads, size, width = kv.shape
        if not self._key.numel():
            self._key = kv.new_zeros((layers, 1, heads, width, max(size, self._least)))
            self._value = kv.new_zeros((layers, 1, heads, max(size, self._least), width))
        self._resize(_grown(max(slots) + 1, self._key.shape[1], self.count), _grown(size, self._key.shape[-1]))
        for slot in slots:
            self._key[:, slot, :, :, :size] = kv[:, 0].mT
            self._value[:, slot, :, :size] = kv[:, 1]

    def clear(self) -> None:
        """Let everything go: nothing runs."""
        self._key = self._value = torch.empty(0)

    def _resize(self, rows: int, length: int) -> None:
        """Room for so many rows and positions; what fits of the old ones is kept."""
        layers, before, heads, width, size = self._key.shape
        if (rows, length) == (before, size):
            return
        kept, until = min(rows, before), min(length, size)
        key = self._key.new_zeros((layers, rows, heads, width, length))
        key[:, :kept, :, :, :until] = self._key[:, :kept, :, :, :until]
        self._key = key
        value = self._value.new_zeros((layers, rows, heads, length, width))
        value[:, :kept, :, :until] = self._value[:, :kept, :, :until]
        self._value = value

    def move(self, source: int, target: int, size: int) -> None:
        """Copy the first `size` positions of one slot to another."""
        self._key[:, target, :, :, :size] = self._key[:, source, :, :, :size]
        self._value[:, target, :, :size] = self._value[:, source, :, :size]

    def begin_step(self, places: Sequence[int], window: Window | None, device: torch.device) -> AttentionLayout:
        """Prepare a step in which slot i writes its place `places[i]`: what it sees, itself and what is before it."""
        place_a = self.make_room(places, device)
        return AttentionLayout((len(places), 1, self._seen), place_a.device, self._seen - 1, window, first_B=place_a)

    def make_room(self, places: Sequence[int], device: torch.device) -> Tensor:
        """Prepare a step in which slot i writes its place `places[i]`; the places on the device, [a]."""
        self._places = place_a = torch.tensor(places, device=device)
        self._rows = torch.arange(len(places), device=device)
        self._seen = max(places) + 1
        if self._key.numel():
            rows, length = self._key.shape[1], self._key.shape[-1]
            length = max(_fitting(self._seen, length), self._least)
            self._resize(_fitting(len(places), rows, self.count), length)
        return place_a

    def layer(self, number: int) -> tuple[Tensor, Tensor]:
        """All of a layer's keys [S, K, D, T] and values [S, K, T, D], to be written to at the places of the step."""
        return self._key[number], self._value[number]

    def layers(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """The same of layers that follow one another, [L, S, K, D, T] and [L, S, K, T, D]."""
        return self._key[first : first + count], self._value[first : first + count]

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write one position of each running slot, [a, K, 1, D].

        Returns all keys and values of the running slots, [a, K, t, D], up to the position of the longest sequence.
        """
        return self.update_last(layer, key[:, :, 0], value[:, :, 0])

    def update_last(self, layer: int, key_aKD: Tensor, value_aKD: Tensor) -> tuple[Tensor, Tensor]:
        """As `update`, for [a, K, D]."""
        keys, values, running = self._key[layer], self._value[layer], len(self._rows)
        keys[self._rows, :, :, self._places] = key_aKD
        values[self._rows, :, self._places] = value_aKD
        return keys[:running, :, :, : self._seen].mT, values[:running, :, : self._seen]


def _grown(need: int, have: int, most: int | None = None) -> int:
    """How much to have where `need` is needed: what there is, or half as much again."""
    capacity = have if need <= have else max(need, have + have // 2)
    return capacity if most is None else min(capacity, most)


def _fitting(need: int, have: int, most: int | None = None) -> int:
    """As `_grown`; the double of what is needed where a quarter of what there is would do."""
    return 2 * need if 4 * need <= have else _grown(need, have, most)
