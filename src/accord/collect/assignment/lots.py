"""Lots: everything that is left to chance, drawn from a seed and a key, so that it can be drawn again."""

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeVar

__all__ = ["Turn", "assistance", "lot", "shown_order", "turn"]

T = TypeVar("T")
Turn = Literal["item", "gold", "repeat"]


def lot(*key: object) -> float:
    """A number in [0, 1) drawn from the key: the same key, the same number."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def turn(seed: int, person: str, number: int, *, gold: float, repeat: float) -> Turn:
    """What a person's turn `number` is meant for: with probability `gold` a question whose answer is known, with
    probability `repeat` an item that they had before. Drawn by lot, so that nobody can tell when they come."""
    chance = lot(seed, person, "turn", number)
    return "gold" if chance < gold else "repeat" if chance < gold + repeat else "item"


def assistance(seed: int, person: str, item: str, *, assistants: int, share: float) -> tuple[int, bool]:
    """Which of an item's assistants is a person's, and whether, with probability `share`, its remarks are shown.

    Of person and item alone: whoever is asked again sees the same.
    """
    place = int(lot(seed, person, item, "assistant") * assistants)
    return place, lot(seed, person, item, "assist") < share


def shown_order(seed: int, person: str, item: str, again: object, names: Sequence[T]) -> tuple[T, ...]:
    """The order on the screen, drawn for each person and item, and anew for each `again` that it is asked."""
    order = sorted(range(len(names)), key=lambda place: lot(seed, person, item, again, place))
    return tuple(names[place] for place in order)
