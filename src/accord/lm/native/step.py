"""Layers of a decoder as C reads them, so that a token more for many sequences is one call."""

from collections.abc import Sequence
from ctypes import POINTER, Structure, c_float, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from accord.lm.native.kernels import STRIP, Kernels, LinearLayers

__all__ = ["DecoderLayer", "DecoderLayers"]


class _Product(Structure):
    _fields_ = (
        ("weights", POINTER(c_void_p)),
        ("biases", POINTER(c_void_p)),
        ("sizes", POINTER(c_int64)),
        ("count", c_int64),
        ("width", c_int64),
        ("total", c_int64),
    )

    @classmethod
    def of(cls, layers: LinearLayers) -> "_Product":
        return cls(layers.weights_at, layers.biases_at, layers.sizes, len(layers.sizes), layers.width, layers.total)


class _Layer(Structure):
    """As in kernels.c."""

    _fields_ = (
        *((name, c_void_p) for name in ("norm_in", "norm_mlp", "query_norm", "key_norm")),
        *((name, _Product) for name in ("qkv", "out", "gate_up", "down")),
        *((name, c_int64) for name in ("key_heads", "group", "width", "window")),
        ("scaling", c_float),
        ("head_eps", c_float),
    )


@dataclass(frozen=True)
class DecoderLayer:
    """What a layer is made of.

    norms       weights of the norms of its input and before the gate, and of heads' queries and keys, or none of them
    products    queries, keys and values; what goes out of attention; gate and up; down
    key_heads   and `group`, the query heads of each; `width` of a head
    window      positions that are looked back, itself included; None for all
    """

    norms: tuple[Tensor, ...]
    products: tuple[LinearLayers, ...]
    key_heads: int
    group: int
    width: int
    window: int | None
    scaling: float
    head_eps: float = 0.0

    def described(self) -> _Layer:
        norms = [norm.data_ptr() for norm in self.norms]
        return _Layer(
            *norms,
            *([None] * (4 - len(norms))),
            *map(_Product.of, self.products),
            *(self.key_heads, self.group, self.width, self.window or 0),
            *(self.scaling, self.head_eps),
        )


@dataclass
class DecoderLayers:
    """Layers that follow one another; `eps` is that of their norms. Weights stay where they are."""

    layers: Sequence[DecoderLayer]
    kernels: Kernels
    eps: float
    _described: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if any(
            not norm.is_contiguous() or norm.dtype != self.kernels.dtype
            for layer in self.layers
            for norm in layer.norms
        ):
            raise ValueError(f"norms without gaps in {self.kernels.dtype} are needed")
        self._described = (_Layer * len(self.layers))(*(layer.described() for layer in self.layers))
        widths = [[each.width for each in layer.products] for layer in self.layers]
        self._room = max(
            wide + layer.products[0].total + out + layer.products[2].total + inner
            for layer, (wide, out, _, inner) in zip(self.layers, widths, strict=True)
        )
        self._widest = -(-max(map(max, widths)) // STRIP) * STRIP

    def step(
        self, x_aD: Tensor, keys_LSKDT: Tensor, values_LSKTD: Tensor, cos_aD: Tensor, sin_aD: Tensor, place_a: Tensor
    ) -> Tensor:
        """What comes out of the layers for x_aD, which is overwritten. Keys and values are of these layers."""
        kernels, (a, width) = self.kernels, x_aD.shape
        count, slots, key_heads, head, length = keys_LSKDT.shape
        first = self.layers[0]
        if (count, key_heads, head) != (len(self.layers), first.key_heads, first.width) or slots < a:
            raise ValueError("keys are those of these layers, and every running sequence has a slot")
        if width != first.products[0].width or place_a.dtype != torch.int64:
            raise ValueError("rows are as wide as the layers read them, and places are int64")
        room, space = x_aD.new_empty(a * self._room), torch.empty(a * self._widest)
        kernels.step(
            kernels.place(x_aD),
            self._described,
            count,
            kernels.place(keys_LSKDT),
            kernels.place(values_LSKTD),
            keys_LSKDT.stride(0),
            kernels.place(cos_aD),
            kernels.place(sin_aD),
            place_a.data_ptr(),
            a,
            length,
            self.eps,
            room.data_ptr(),
            space.data_ptr(),
            torch.get_num_threads(),
        )
        return x_aD
