"""HelpSteer3's preferences (Wang et al. 2025, arXiv 2505.11475): a conversation, two answers, and a vote by person.

    context                            a list of messages
    response1, response2               texts
    individual_preference              each `score` is a vote, from -3 (the first is much better) to 3; `feedback1` and
                                       `feedback2` are critiques of the answers. `reasoning` is about both at once,
                                       which no record holds, and is not kept
    overall_preference                 read where there are no individual ones, which it sums up
    domain                             kept in the prompt's source, `<source>/<domain>`

Who judged is not in the data: the votes of a row are of unknown people. Written is a row a pair, with the votes and
critiques of unknown people in the order of the ledger; `overall_preference` is the rounded mean of the votes. What
somebody known said, or at a known time, has a row of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from accord.feedback.formats.conversations import Answer, messages_of
from accord.feedback.formats.inner_rows import inner_rows
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.signed_votes import exact_strength, signed_vote, vote_records
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Comparison, Completion, Critique, Prompt, Record

__all__ = ["FORMAT"]

NAME = "helpsteer3"
VOTES = "individual_preference"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The votes on one pair, and what was said of each answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    context = messages_of(row.structure("context"), f"{row.place} context")
    if not context:
        raise row.bad("context", "empty")
    prompt = prompt_of_subset(reading, context, row.name("domain") if row.has("domain") else None)
    first, second = (reading.completion(prompt, Answer(row.text(f"response{number}"))) for number in (1, 2))
    if first == second:
        raise row.bad("response2", "the same as response1, so it is no comparison")
    votes = inner_rows(row, VOTES) if row.has(VOTES) else []
    for vote in votes:
        if vote.has("score"):
            yield from vote_records(row, vote, "score", reading, prompt, first, second)
        for column, answer in (("feedback1", first), ("feedback2", second)):
            if vote.has(column):
                yield from reading.judged(row, prompt, (answer,), Critique(text=vote.text(column)))
    if not votes:
        yield from vote_records(row, row, "overall_preference", reading, prompt, first, second)


@dataclass
class _Row:
    """A row to write: a pair, the common columns of its votes, the votes, and what was said of each answer."""

    first: Completion
    second: Completion
    columns: dict[str, Any]
    votes: list[int] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def content(self, prompt: Prompt) -> dict[str, Any]:
        columns = self.votes, self._notes(self.first), self._notes(self.second)
        preferences = [
            {"score": vote, "feedback1": first, "feedback2": second} for vote, first, second in zip_longest(*columns)
        ]
        return {
            "domain": subset_of(prompt, NAME),
            "context": dicts_of(prompt.messages),
            "response1": self.first.text,
            "response2": self.second.text,
            "overall_preference": round(sum(self.votes) / len(self.votes)) if self.votes else None,
            VOTES: preferences,
            **self.columns,
        }

    def _notes(self, answer: Completion) -> list[str]:
        return self.notes.get(answer.id, [])


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each pair that was voted on, and for each evaluator who is known."""
    for prompt, items in outgoing.by_prompt():
        rows: dict[tuple[object, ...], _Row] = {}
        plain = [item for item in items if _is_plain(item, outgoing)]
        for item in plain:
            if isinstance(item.feedback.judgement, Comparison):
                _add_vote(rows, item, outgoing)
        pairs = {answer.id: (row.first, row.second) for row in rows.values() for answer in (row.first, row.second)}
        for item in plain:
            if isinstance(item.feedback.judgement, Critique):
                _add_note(rows, pairs, item, item.feedback.judgement, outgoing)
        yield from (row.content(prompt) for row in rows.values())


def _is_plain(item: JudgedItem, outgoing: Outgoing) -> bool:
    plain = all(answer.turns is None for answer in item.completions)
    if not plain:
        outgoing.lose("answers of several messages")
    return plain


def _add_vote(rows: dict[tuple[object, ...], _Row], item: JudgedItem, outgoing: Outgoing) -> None:
    vote = signed_vote(item, item.completions[0], outgoing)
    if vote is not None:
        columns = exact_strength(common_columns(item, outgoing, NAME), vote)
        row = _row_of(rows, item.completions[0], item.completions[1], columns)
        row.votes.append(vote if row.first.id == item.completions[0].id else -vote)


def _add_note(
    rows: dict[tuple[object, ...], _Row],
    pairs: dict[str, tuple[Completion, Completion]],
    item: JudgedItem,
    critique: Critique,
    outgoing: Outgoing,
) -> None:
    answer = item.completions[0]
    if answer.id not in pairs:
        outgoing.lose("critiques of answers that were never compared")
        return
    if critique.start is not None or critique.end is not None:
        outgoing.lose("places of critiques")
    row = _row_of(rows, *pairs[answer.id], common_columns(item, outgoing, NAME))
    row.notes.setdefault(answer.id, []).append(critique.text)


def _row_of(
    rows: dict[tuple[object, ...], _Row], first: Completion, second: Completion, columns: dict[str, Any]
) -> _Row:
    """The row of this pair, in whichever order, and these common columns."""
    key = (*sorted((first.id, second.id)), *sorted(columns.items()))
    return rows.setdefault(key, _Row(first, second, columns))


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns context, response1, response2 and a preference."""
    columns = set(rows[0])
    if {"context", "response1", "response2"} <= columns and columns & {VOTES, "overall_preference"}:
        return "columns context, response1, response2 and a preference"
    return None


FORMAT = Format(
    NAME,
    "votes of several people on two answers to a conversation, on a scale from -3 to 3, with critiques",
    frozenset({"comparison", "critique"}),
    columns=frozenset({"context", "response1", "response2", "overall_preference", VOTES, "domain"}),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"system", "tool calls", "attachments", "names in messages"},
)
