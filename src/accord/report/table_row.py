"""A number of a run as it stands in a table."""

from dataclasses import dataclass
from typing import Any

from accord.report.words import observations
from accord.stats import Estimate

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """A number of the run: how it is called, how it reads, and the file that it came from.

    `estimate` is None where the row is no measured number (seconds, what fired: then `value` holds it) or where the
    run lacks it (then `text` says so). `file` is empty where there is none. `share` says that the number lies between
    0 and 1 by its nature.
    """

    key: str
    group: str
    name: str
    text: str
    file: str = ""
    estimate: Estimate | None = None
    value: Any = None
    share: bool = False

    @property
    def label(self) -> str:
        """The name where its group is not beside it."""
        return f"{self.group}: {self.name}"

    @property
    def n(self) -> str:
        """Observations, and independent units in brackets; empty where nothing was counted."""
        return "" if self.estimate is None else observations(self.estimate)
