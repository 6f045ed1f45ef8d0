"""`Estimate`: a number with its interval and its n."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval and the number of observations behind it.

    `n` counts observations, `clusters` the independent units among them (None: every observation is one; where people
    and texts cross, the fewer of the two). `low` and `high` are None where no interval can be had, as with a single
    cluster; `value` never is. `method` says how the interval was made, and what is special about it.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int | None = None
    level: float = 0.95
    method: str = ""

    def __str__(self) -> str:
        interval = "no interval" if self.low is None or self.high is None else f"{self.low:.3f}, {self.high:.3f}"
        units = "" if self.clusters is None else f" in {self.clusters} clusters"
        return f"{self.value:.3f} [{interval}], n={self.n}{units}"

    def to_json(self) -> dict[str, Any]:
        """As written in JSON artefacts."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "clusters": self.clusters,
            "level": self.level,
            "method": self.method,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Estimate":
        """The inverse of `to_json`."""
        return cls(**content)
