"""When an item counts as complete."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from accord.artefacts import DisclosureField, DisclosureItem

__all__ = ["DEFINITION", "Status", "complete", "items_by_status", "status_of"]

Status = Literal["complete", "partial", "missing", "not_applicable"]
STATUSES: tuple[Status, ...] = ("complete", "partial", "missing", "not_applicable")
DEFINITION = (
    "An item is complete where each of its fields is filled, by the records of the run or by a statement with name and "
    "date, or is not applicable for a reason that is given. It is partial where some fields are filled, missing where "
    "none is, and not applicable where that holds of all of it. The score counts complete items, of twelve; what is "
    "withheld in a redacted version counts as not filled there."
)


def status_of(fields: Sequence[DisclosureField]) -> Status:
    """That of an item with these fields."""
    counts = Counter(field.status for field in fields)
    if counts["not_applicable"] == len(fields):
        return "not_applicable"
    if not counts["missing"] and not counts["withheld"]:
        return "complete"
    return "partial" if counts["complete"] or counts["withheld"] else "missing"


def items_by_status(items: Sequence[DisclosureItem]) -> dict[str, int]:
    """How many items have each status."""
    counts = Counter(item.status for item in items)
    return {status: counts[status] for status in STATUSES}


def complete(items: Sequence[DisclosureItem]) -> int:
    """The score: complete items."""
    return sum(item.status == "complete" for item in items)
