"""How often each check erred when it was tried: on healthy runs, and on runs with the fault that it is to find.

`error_rates.json` beside this file is written from a range of `accord lab run faults` by
`python -m accord.lab.fault_matrix FOLDER`. A check that was not among those tried has no rates.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from accord.stats import Estimate, proportion

__all__ = ["FILE", "Count", "ErrorRates", "MeasuredRates", "error_rates"]

FILE = Path(__file__).with_name("error_rates.json")


class Count(BaseModel):
    """In how many of some runs a check fired."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fires: NonNegativeInt
    runs: PositiveInt

    @property
    def share(self) -> Estimate:
        """The share of runs, with its interval."""
        return proportion(self.fires, self.runs)


class ErrorRates(BaseModel):
    """Of one check.

    healthy   by world, runs with nothing wrong, where the check fired by itself
    planted   by fault that must set it off and by world, runs with that fault at its full strength; in the first world
              it fired among all tests of the report, in others by itself
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    healthy: dict[str, Count]
    planted: dict[str, dict[str, Count]]


class MeasuredRates(BaseModel):
    """What `error_rates.json` holds: the seeds that the runs were drawn from, and the rates by the check's id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: str
    checks: dict[str, ErrorRates]


@cache
def error_rates() -> Mapping[str, ErrorRates]:
    """The rates of every check that was tried, by its id."""
    return MeasuredRates.model_validate_json(FILE.read_text(encoding="utf-8")).checks
