"""Marks: what an experiment must find, written down before its first result."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from accord.errors import RecipeError
from accord.stats import Estimate

__all__ = ["Mark", "read_marks"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What an estimate must be below, or above.

    name   of the estimate; with `*` or `?` all those whose names are of that pattern; one with a colon is about an arm
           that need not be run
    claim  in words; of a pattern, `{}` stands for the name
    below  the estimate must be less, or
    above  it must be more; a mark has one of the two
    by     which number is held against it: the farther end of the interval (`bound`), or the value itself where the
           mark is about the share of those that were run (`value`)
    """

    name: str
    claim: str
    below: float | None = None
    above: float | None = None
    by: Literal["bound", "value"] = "bound"

    def __post_init__(self) -> None:
        if (self.below is None) is (self.above is None):
            raise RecipeError(f"mark '{self.name}': exactly one of `below` and `above`")
        if self.by not in {"bound", "value"}:
            raise RecipeError(f"mark '{self.name}': by = '{self.by}'; it is bound or value")

    def is_met_by(self, estimate: Estimate) -> bool:
        """Whether the whole interval is on the right side; with `by = "value"` the value. Never without an interval."""
        bound = estimate.high if self.side == "below" else estimate.low
        end = estimate.value if self.by == "value" else bound
        if end is None:
            return False
        return end < self.limit if self.side == "below" else end > self.limit

    @property
    def side(self) -> Literal["below", "above"]:
        """On which side of its limit the estimate must be."""
        return "below" if self.above is None else "above"

    @property
    def limit(self) -> float:
        """What the estimate must be below or above."""
        limit = self.below if self.above is None else self.above
        assert limit is not None
        return limit

    @property
    def words(self) -> str:
        """`below 0.5`, and what of the estimate is held against it."""
        return f"{'the value ' if self.by == 'value' else ''}{self.side} {self.limit:g}"

    def line(self, estimate: Estimate) -> str:
        """As it is printed: met or missed, the estimate, the mark, and why it is missed where no bound is known."""
        bounds = "" if estimate.low is None else f" [{estimate.low:.2g}, {estimate.high:.2g}]"
        verdict = "met   " if self.is_met_by(estimate) else "MISSED"
        found = f"{verdict} {self.claim}: {estimate.value:.2g}{bounds}, n={estimate.n} ({self.words}"
        if self.by == "bound" and (estimate.low is None or estimate.high is None):
            return f"{found}; no interval, so not met{f': {estimate.method}' if estimate.method else ''})"
        return found + ")"

    def matched(self, estimates: Mapping[str, Estimate]) -> Iterator[tuple["Mark", Estimate]]:
        """The mark with its estimate; of a pattern, one for each name, of which there may be none.

        Raises `RecipeError` where a mark that is no pattern names no estimate.
        """
        if not set("*?").intersection(self.name):
            if self.name not in estimates:
                if ":" in self.name:
                    return  # of an arm that was not asked for
                raise RecipeError(f"mark '{self.name}': nothing of that name was found; run more arms")
            yield self, estimates[self.name]
            return
        for name, estimate in estimates.items():
            if fnmatchcase(name, self.name):
                yield replace(self, name=name, claim=self.claim.replace("{}", name.partition(":")[2])), estimate


def read_marks(name: str) -> list[Mark]:
    """The marks of a reproduction, from `marks/<name>.toml`. Raises `RecipeError` for one that is none."""
    content = tomllib.loads((Path(__file__).parent / "marks" / f"{name}.toml").read_text())
    return [Mark(**mark) for mark in content["marks"]]
