"""A mark: what a program makes of one completion, before it is known what a study asks."""

from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Mark", "Marker", "UnusableReferenceError", "setting"]


class UnusableReferenceError(Exception):
    """The item's `reference` does not say what completions are held against; the message says what it must hold."""


@dataclass(frozen=True)
class Mark:
    """How far a completion holds (`score`, 0 to 1; 1: wholly), and in words why."""

    score: float
    remark: str


class Marker(Protocol):
    """Marks completions. Several threads may ask at once."""

    @property
    def name(self) -> str:
        """How it is called behind `program:`."""
        ...

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of a completion that holds wholly, and of one that does not."""
        ...

    def mark(self, text: str, reference: Any) -> Mark:
        """What it makes of a completion's text. Raises `UnusableReferenceError`."""
        ...


def setting(reference: Any, key: str, example: str) -> Any:
    """What a reference says under `key`. Raises `UnusableReferenceError` with an example of one that does."""
    if isinstance(reference, dict) and reference.get(key) is not None:
        return reference[key]
    raise UnusableReferenceError(f"the item's reference has no '{key}'; write {example}")
