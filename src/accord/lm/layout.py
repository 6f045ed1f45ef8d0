"""What each place of a batch may see, as a value: segments, roots and positions, and no mask yet.

A layout travels beside the hidden states to the attention function (`accord.lm.attention`), through the keyword
arguments that transformers hands down. What a backend needs of it, a dense mask or blocks, is made there when the
batch is used, where the batch is, once for all layers; it goes when the batch has been used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["AttentionLayout", "Backend", "Segments", "Window"]

UNSEEN = torch.finfo(torch.bfloat16).min  # added to the scores of what must not be seen; finite in float32 and bfloat16
Backend = Literal["grouped", "sdpa", "flex"]


@dataclass(frozen=True)
class Window:
    """How many positions layers look back: all layers, or those whose attention says so."""

    size: int
    everywhere: bool


@dataclass(frozen=True, eq=False)
class Segments:
    """Of rows that hold several sequences, [B, T] each; see `accord.lm.packed.PackedBatch`.

    A place sees its own segment and its root, up to itself. Segments come in rising order along a row; padding, -1,
    comes after them.
    """

    segment_BT: Tensor
    root_BT: Tensor
    position_BT: Tensor


@dataclass(frozen=True, eq=False)
class AttentionLayout:
    """T queries beside S keys in each of B rows, and which keys a query sees.

    Without `segments` a row is one sequence: the query at place q sees the keys up to place q + first, `first_B` being
    the place of the row's first query among its keys (None: 0, and T = S). With them T = S too, and it sees what they
    say. `reach` is the most by which positions of a query and a key of one sequence differ. In layers with a `window`
    only the last so many positions are seen; that goes by positions, which in packed rows are no places.
    `backend` is who makes a mask of it.
    """

    shape: tuple[int, int, int]
    device: torch.device
    reach: int
    window: Window | None = None
    backend: Backend = "grouped"
    segments: Segments | None = None
    first_B: Tensor | None = None
    _made: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def is_causal(self) -> bool:
        """Whether all that matters is which place comes first, from the first one on."""
        return self.segments is None and self.first_B is None

    def inputs(self) -> dict[str, Any]:
        """What a model is handed over: this layout, and in place of a mask a number.

        transformers makes no mask where it is given one of four dimensions.
        """
        return {"attention_mask": torch.zeros((1, 1, 1, 1), device=self.device), "layout": self}

    def window_of_layer(self, named: int | None) -> int | None:
        """How many positions a layer looks back whose attention names so many; None where that is all there are."""
        if self.window is None or self.reach < self.window.size:
            return None
        if self.window.everywhere:
            return self.window.size
        if named is not None and named != self.window.size:
            raise ValueError(f"a layer looks back {named} positions, its configuration says {self.window.size}")
        return named

    def memo(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made at the first call with this key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def mask(self, window: int | None, dtype: torch.dtype) -> Tensor:
        """[B, 1, T, S], added to scores: 0 where a place may look, very negative elsewhere."""

        def make() -> Tensor:
            seen_BTS = self._seen(window)
            mask_BTS = torch.zeros(seen_BTS.shape, dtype=dtype, device=seen_BTS.device)
            return mask_BTS.masked_fill_(~seen_BTS, UNSEEN)[:, None]

        mask_B1TS: Tensor = self.memo((window, dtype), make)
        return mask_B1TS

    def _seen(self, window: int | None) -> Tensor:
        """Which keys each query sees, [B, T, S]. Padding sees itself: a row of nothing would be NaN."""
        B, T, S = self.shape
        if self.segments is not None:
            segment_BT, root_BT = self.segments.segment_BT, self.segments.root_BT
            own_segment = segment_BT[:, :, None] == segment_BT[:, None, :]
            own_prompt = root_BT[:, :, None] == segment_BT[:, None, :]
            seen_BTS = (own_segment | own_prompt).tril_()
            query_BT = key_BS = self.segments.position_BT
        else:
            key_BS = torch.arange(S, device=self.device).expand(B, -1)
            query_BT = key_BS[:, :T] if self.first_B is None else key_BS[:, :T] + self.first_B[:, None]
            seen_BTS = key_BS[:, None, :] <= query_BT[:, :, None]
        return seen_BTS if window is None else seen_BTS & (query_BT[:, :, None] - key_BS[:, None, :] < window)

    def sees(self, window: int | None) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
        """The same for one row, head, query and key, as flex attention asks (`mask_mod`)."""
        if self.segments is None:
            return _causal_mod(self.first_B, window)
        return _segments_mod(self.segments, window)

    def repeat(self, times: int) -> "AttentionLayout":
        """All rows, `times` times one after the other."""

        def rows(each: Tensor) -> Tensor:
            return each.repeat(times, *[1] * (each.ndim - 1))

        def make() -> AttentionLayout:
            of = self.segments
            segments = of and Segments(rows(of.segment_BT), rows(of.root_BT), rows(of.position_BT))
            first_B = None if self.first_B is None else rows(self.first_B)
            shape = (times * self.shape[0], *self.shape[1:])
            return replace(self, shape=shape, segments=segments, first_B=first_B, _made={})

        layout: AttentionLayout = self.memo(("repeated", times), make)
        return layout


def _causal_mod(first_B: Tensor | None, window: int | None) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        place = q if first_B is None else q + first_B[b]
        return k <= place if window is None else (k <= place) & (place - k < window)

    return sees


def _segments_mod(of: Segments, window: int | None) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    segment_BT, root_BT, position_BT = of.segment_BT, of.root_BT, of.position_BT

    def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        segment = segment_BT[b, k]
        seen = (k <= q) & ((segment == segment_BT[b, q]) | (segment == root_BT[b, q]))
        return seen if window is None else seen & (position_BT[b, q] - position_BT[b, k] < window)

    return sees
