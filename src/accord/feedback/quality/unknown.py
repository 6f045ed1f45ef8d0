"""What cannot be assessed, and why."""

from dataclasses import dataclass

__all__ = ["NotAssessed"]


@dataclass(frozen=True)
class NotAssessed:
    """Stands where a number would: `reason` says what is missing."""

    reason: str
