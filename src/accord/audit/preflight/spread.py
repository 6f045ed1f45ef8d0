"""Some of many rows."""

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["spread"]

T = TypeVar("T")


def spread(rows: Sequence[T], n: int) -> list[T]:
    """At most `n` rows, from all over: rows stand in order of prompt, and the first ones would be of one prompt."""
    count = min(n, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]
