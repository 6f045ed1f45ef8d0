"""The settings of a part of a planted run: what a fault changes, and the part reads."""

from typing import TypeVar

__all__ = ["S", "Settings"]


class Settings:
    """What can be wrong with a part of a planted run: a frozen dataclass whose defaults are healthy."""


S = TypeVar("S", bound=Settings)
