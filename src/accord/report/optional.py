"""Parts of a run that may be missing: None, or nothing, where `RunReader` would raise. Altered files still raise."""

from collections.abc import Sequence
from typing import Any, TypeVar

from accord.artefacts import CARD, EVALUATION, FINDINGS, RECIPE, SUMMARY, Finding, RewardCard, RunReader
from accord.artefacts.data import DataSummary
from accord.artefacts.evaluation import PolicyEvaluation
from accord.artefacts.kinds import JsonLines

__all__ = [
    "card_of",
    "evaluation_of",
    "findings_of",
    "goes_of",
    "recipe_of",
    "rows_of_file",
    "seconds_of",
    "summary_of",
]

T = TypeVar("T")


def card_of(reader: RunReader, stage: str) -> RewardCard | None:
    """The card of a judge."""
    return reader.card(stage) if reader.has(CARD, stage) else None


def evaluation_of(reader: RunReader) -> PolicyEvaluation | None:
    """The policy against its start."""
    return reader.evaluation if reader.has(EVALUATION) else None


def summary_of(reader: RunReader) -> DataSummary | None:
    """Counts of the data."""
    return reader.summary if reader.has(SUMMARY) else None


def findings_of(reader: RunReader) -> tuple[Finding, ...] | None:
    """The findings of the audit; None where the run was not audited."""
    return reader.findings if reader.has(FINDINGS) else None


def recipe_of(reader: RunReader) -> dict[str, Any]:
    """The settings as nested dictionaries; none where the run has no recipe."""
    return reader.recipe if reader.has(RECIPE) else {}


def rows_of_file(reader: RunReader, lines: JsonLines[T], stage: str = "") -> Sequence[T]:
    """The rows of a file; none where the run lacks it."""
    return reader.rows(lines, stage) if reader.has(lines, stage) else []


def seconds_of(reader: RunReader) -> dict[str, float]:
    """Seconds by finished stage, in order; without the report itself, which is not finished while it is written."""
    return {name: seconds for name, seconds in reader.seconds.items() if name != "report"}


def goes_of(reader: RunReader) -> dict[str, int]:
    """In how many goes each finished stage was made: 1 where it was never stopped; without the report itself."""
    return {name: goes for name, goes in reader.goes.items() if name != "report"}
