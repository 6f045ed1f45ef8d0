"""What each step of a stage draws: pass after pass over the same things, each in an order of its own."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from accord.train.seeds import shuffled

__all__ = ["Passes", "planned_draws"]

T = TypeVar("T")


def planned_draws(epochs: float, n: int) -> int:
    """How many of `n` things are drawn in so many passes over them: the nearest whole number, and one at least."""
    return max(1, round(epochs * n))


class Passes(Generic[T]):
    """An endless stream of the items of `blocks`, whose blocks are shuffled anew for each pass; a block stays together.

    The order of pass 0, 1, ... is drawn from the seed that `names` and its number name, and laid out once.
    """

    def __init__(self, blocks: Sequence[Sequence[T]], *names: str | int) -> None:
        self._blocks, self._names = blocks, names
        self._size = sum(map(len, blocks))
        self._number, self._items = -1, list[T]()

    def draw(self, first: int, size: int) -> list[T]:
        """The items at the places `first` to `first + size - 1` of the stream, counted from 0."""
        return [self._pass(place // self._size)[place % self._size] for place in range(first, first + size)]

    def step(self, number: int, size: int, total: int) -> list[T]:
        """The items of step 1, 2, ...: `size` of them, and in the last step of a stage that draws `total` the rest."""
        first = (number - 1) * size
        return self.draw(first, min(size, total - first))

    def _pass(self, number: int) -> list[T]:
        if number != self._number:
            order = shuffled(len(self._blocks), *self._names, number)
            self._number, self._items = number, [item for place in order for item in self._blocks[place]]
        return self._items
