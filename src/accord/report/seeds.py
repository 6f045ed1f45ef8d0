"""One recipe over several seeds: each number by seed, its mean and spread."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from accord.report.table import Row, summary
from accord.run import RunDirectory
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["SeedsRow", "over_seeds", "render_seeds"]


@dataclass(frozen=True)
class SeedsRow:
    """A number of the result by seed; its mean over seeds with its interval, and its standard deviation over them."""

    key: str
    name: str
    by_seed: Mapping[int, float]
    mean: Estimate
    deviation: float | None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "key": self.key,
            "name": self.name,
            "by_seed": {str(seed): value for seed, value in self.by_seed.items()},
            "mean": self.mean.to_json(),
            "standard_deviation": self.deviation,
        }


def over_seeds(runs: Mapping[int, Path]) -> list[SeedsRow]:
    """The numbers that every run has, by the run's seed. Raises as `summary` does."""
    values: dict[str, dict[int, float]] = {}
    rows: dict[str, Row] = {}
    for seed, path in runs.items():
        with RunDirectory.open(path, write=False) as run:
            for row in summary(run):
                if row.estimate is not None:
                    values.setdefault(row.key, {})[seed] = row.estimate.value
                    rows[row.key] = row
    return [
        SeedsRow(key, rows[key].label, by_seed, _centre(rows[key], by_seed), _deviation(list(by_seed.values())))
        for key, by_seed in values.items()
        if len(by_seed) == len(runs)
    ]


def _centre(row: Row, by_seed: Mapping[int, float]) -> Estimate:
    """The mean over seeds; its interval ends where a share does, which costs it nothing of what it holds."""
    centre = mean(list(by_seed.values()))
    if not row.share or centre.low is None or centre.high is None:
        return centre
    return replace(centre, low=max(0.0, centre.low), high=min(1.0, centre.high))


def render_seeds(rows: list[SeedsRow]) -> "Table":
    """As a table: a row a number, a column a seed."""
    from rich.table import Table

    seeds = list(rows[0].by_seed) if rows else []
    table = Table("", *(f"seed {seed}" for seed in seeds), "mean", "SD over seeds", box=None, pad_edge=False)
    for row in rows:
        interval = "" if row.mean.low is None else f" [{row.mean.low:.3f}, {row.mean.high:.3f}]"
        table.add_row(
            row.name,
            *(f"{row.by_seed[seed]:.3f}" for seed in seeds),
            f"{row.mean.value:.3f}{interval}",
            "" if row.deviation is None else f"{row.deviation:.3f}",
        )
    return table


def _deviation(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
