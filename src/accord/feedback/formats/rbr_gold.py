"""Completions with yes-or-no propositions (Mu et al. 2024, Rule Based Rewards, arXiv 2411.01111): the gold sets.

    prompt, completion   lists of messages
    propositions         23 names, each true or false of the completion: one label with all 23 as its options

`category` and `response_type` say what should be answered, not what was, and are not read. Nobody says who judged. One
completion stands in the training set twice, under labels that differ; both are kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import answer_of, messages_of
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Record

__all__ = ["FORMAT", "read"]


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one completion. Raises `RecordError` that names row and field."""
    (row,) = unit
    prompt = reading.prompt(messages_of(row.value("prompt"), f"{row.place} prompt"))
    messages = messages_of(row.value("completion"), f"{row.place} completion", role="assistant")
    completion = reading.completion(prompt, answer_of(messages, f"{row.place} completion"))
    propositions = row.mapping("propositions")
    for name, holds in propositions.items():
        if not isinstance(holds, bool):
            raise row.bad(f"propositions.{name}", f"expected true or false, not {holds!r:.60}")
    if not propositions:
        raise row.bad("propositions", "expected at least one proposition")
    selected = [name for name, holds in propositions.items() if holds]
    yield from reading.labelled(row, prompt, completion, selected, list(propositions), column="propositions")


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all({"prompt", "completion", "propositions"} <= row.keys() for row in rows)
    return "propositions about a completion" if fits else None


FORMAT = Format(
    "rbr_gold",
    "which of 23 propositions hold of a completion (Rule Based Rewards gold sets)",
    frozenset({"label"}),
    columns=frozenset({"prompt", "completion", "propositions", "response_type"}),
    recognises=_recognises,
    read=read,
)
