"""What whoever asks for an audit says of a run that other software made."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ReadingSettings"]


@dataclass(frozen=True)
class ReadingSettings:
    """What a run's files do not say of themselves.

    judge         the column of scores by somebody whom the policy was not trained to please
    preferences   a file of the comparisons that were learnt from
    held_out      a file of comparisons that were not
    """

    judge: str | None = None
    preferences: Path | None = None
    held_out: Path | None = None
