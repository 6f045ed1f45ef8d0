"""Preferences from -3 (the first is much better) to 3 (the second is), as the HelpSteer sets have them.

The sign is the preference, zero a tie, and a third of the size the strength. Which answer the evaluators saw first is
not in the data.
"""

from collections.abc import Iterator
from typing import Any

from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Comparison, Completion, Prompt, Record

__all__ = ["LARGEST", "exact_strength", "signed_vote", "vote_records"]

LARGEST = 3


def vote_records(
    row: SourceRow,
    vote: SourceRow,
    column: str,
    reading: Reading,
    prompt: Prompt,
    first: Completion,
    second: Completion,
) -> Iterator[Record]:
    """The records of the vote in `column` of `vote`, which is `row` itself or stands within it.

    Raises `RecordError` that names place and column.
    """
    value = vote.whole(column)
    if abs(value) > LARGEST:
        raise vote.bad(column, f"{value} is not on the scale -{LARGEST}..{LARGEST}")
    chosen, rejected = (second, first) if value > 0 else (first, second)
    strength = reading.strength(row)
    if strength is None and value:
        strength = abs(value) / LARGEST
    yield from reading.preferred(row, prompt, chosen, rejected, tie=value == 0, strength=strength)


def signed_vote(item: JudgedItem, first: Completion, outgoing: Outgoing) -> int | None:
    """The vote to write, where `first` is the first answer; None, and counted as lost, where it says no strength.

    A strength between the steps is rounded, to a step of its side; the column `strength` holds it whole.
    """
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    if judgement.preferred == "tie":
        return 0
    if judgement.strength is None:
        outgoing.lose("preferences without a strength")
        return None
    size = max(1, round(judgement.strength * LARGEST))
    is_first = item.completions[0 if judgement.preferred == "left" else 1].id == first.id
    return -size if is_first else size


def exact_strength(columns: dict[str, Any], vote: int) -> dict[str, Any]:
    """The common columns without the strength where the vote says it."""
    if columns.get("strength") in (None, abs(vote) / LARGEST):
        return {name: value for name, value in columns.items() if name != "strength"}
    return columns
