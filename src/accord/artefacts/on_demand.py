"""A sequence whose items are made when they are asked for, so that none of many is held."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, overload

__all__ = ["OnDemand", "on_demand_if_many"]

T = TypeVar("T")


class OnDemand(Sequence[T]):
    """`size` items; `make` gives the one at a place."""

    def __init__(self, size: int, make: Callable[[int], T]) -> None:
        self._size, self._make = size, make

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> "OnDemand[T]": ...
    def __getitem__(self, place: int | slice) -> "T | OnDemand[T]":
        chosen = range(self._size)[place]  # raises IndexError as a list does
        if isinstance(chosen, range):
            return OnDemand(len(chosen), lambda number: self._make(chosen[number]))
        return self._make(chosen)


def on_demand_if_many(size: int, make: Callable[[int], T], *, of: Mapping[str, object]) -> Sequence[T]:
    """A list of what is made of records that are held anyway (a dictionary); of those in a large file on demand."""
    return [make(place) for place in range(size)] if isinstance(of, dict) else OnDemand(size, make)
