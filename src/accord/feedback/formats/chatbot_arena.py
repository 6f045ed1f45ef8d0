"""Chatbot Arena and MT-bench (Zheng et al. 2023, arXiv 2306.05685): two conversations side by side, and who won.

    conversation_a, conversation_b    lists of messages: a on the left, b on the right, so that the order is known
    turn                              how many turns of the user were judged; without it all are
    model_a, model_b                  who wrote the answers
    winner                            model_a, model_b, tie, or "tie (bothbad)": a tie, with a label `bad` of both
    judge                             the evaluator: a person's pseudonym, or a list (a model and its prompt)
    tstamp                            seconds since 1970: the time

The prompt is what both conversations begin with; each answer is what follows. A winner that is neither model nor a tie
is refused. Language, moderation and `question_id` are not read. Written are the same columns, and `order = "unknown"`
where it is not recorded what stood on the left.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any, Literal

from accord.feedback.formats.answer_pairs import AnswerPair
from accord.feedback.formats.conversations import answer_of, messages_of, shared
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.written_columns import (
    KEPT_COLUMNS,
    KEPT_MESSAGES,
    answer_messages,
    begin_alike,
    common_columns,
)
from accord.feedback.provenance import is_order_known
from accord.records import Comparison, Evaluator, Label, Message, Prompt, Record

__all__ = ["FORMAT"]

NAME = "chatbot_arena"
COLUMNS = frozenset({"conversation_a", "conversation_b", "winner"})
BOTH_BAD = "tie (bothbad)"
BAD = ("bad",)
PREFERRED: dict[str, Literal["left", "right", "tie"]] = {
    "model_a": "left",
    "model_b": "right",
    "tie": "tie",
    BOTH_BAD: "tie",
}
WINNERS = {"left": "model_a", "right": "model_b", "tie": "tie"}


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one vote. Raises `RecordError` that names row and column."""
    (row,) = unit
    pair = _conversations(row)
    prompt = reading.prompt(pair.prompt)
    left, right = (
        reading.completion(prompt, answer, writer=row.name(column) if row.has(column) else None)
        for answer, column in ((pair.chosen, "model_a"), (pair.rejected, "model_b"))
    )
    winner = row.text("winner")
    if winner not in PREFERRED:
        raise row.bad("winner", f"{winner!r} is not one of {', '.join(PREFERRED)}")
    fields: dict[str, Any] = {"time": row.time("tstamp")} if row.has("tstamp") else {}
    judge = _judge(row, reading)
    if winner == BOTH_BAD:
        for answer in (left, right):
            yield from reading.labelled(row, prompt, answer, BAD, BAD, evaluator=judge, **fields)
    if row.has("order") and row.text("order") == "unknown":
        chosen, rejected = (right, left) if winner == "model_b" else (left, right)
        tie = PREFERRED[winner] == "tie"
        yield from reading.preferred(row, prompt, chosen, rejected, tie=tie, evaluator=judge, **fields)
    else:
        yield from reading.compared(row, prompt, left, right, PREFERRED[winner], evaluator=judge, **fields)


def _judge(row: SourceRow, reading: Reading) -> Evaluator | None:
    """Who judged: a list of names is a model with its prompt, a name a person."""
    if not row.has("judge"):
        return None
    judge = row.structure("judge")
    if isinstance(judge, list | tuple):
        return reading.model(" ".join(str(part) for part in judge))
    return reading.person(row.name("judge"))


def _conversations(row: SourceRow) -> AnswerPair:
    """What both conversations begin with, and what follows in each, up to the turn that was judged."""
    sides = [_up_to_turn(row, column) for column in ("conversation_a", "conversation_b")]
    if sides[0] == sides[1]:
        raise row.bad("conversation_b", "the same as conversation_a, so it is no comparison")
    cut = shared(*sides)
    if not cut:
        raise row.bad("conversation_b", "shares no beginning with conversation_a")
    answers = [
        answer_of(side[cut:], f"{row.place} {column}")
        for side, column in zip(sides, ("conversation_a", "conversation_b"), strict=True)
    ]
    return AnswerPair(sides[0][:cut], *answers)


def _up_to_turn(row: SourceRow, column: str) -> tuple[Message, ...]:
    messages = messages_of(row.structure(column), f"{row.place} {column}")
    if not row.has("turn"):
        return messages
    turns = row.whole("turn")
    starts = [number for number, message in enumerate(messages) if message.role == "user"]
    if not 1 <= turns <= len(starts):
        raise row.bad("turn", f"{turns} of {len(starts)} turns of the user in {column}")
    return messages[: starts[turns]] if turns < len(starts) else messages


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each comparison; labels only where they say that both answers of a tie are bad."""
    numbers = count()
    for prompt, items in outgoing.by_prompt():
        labels = {
            (item.evaluator.id, item.completions[0].id)
            for item in items
            if isinstance(item.feedback.judgement, Label)
            and item.feedback.judgement == Label(selected=BAD, options=BAD)
        }
        ties = set()
        for item in items:
            if isinstance(item.feedback.judgement, Comparison):
                both = {(item.evaluator.id, answer.id) for answer in item.completions}
                is_bad = item.feedback.judgement.preferred == "tie" and both <= labels
                if begin_alike(*item.completions):
                    outgoing.lose("answers that begin alike")
                    continue
                ties |= both if is_bad else set()
                yield {"question_id": next(numbers), **_row(prompt, item, outgoing, is_bad)}
        unwritten = [
            item
            for item in items
            if isinstance(item.feedback.judgement, Label) and (item.evaluator.id, item.completions[0].id) not in ties
        ]
        if unwritten:
            outgoing.lose("labels", len(unwritten))


def _row(prompt: Prompt, item: JudgedItem, outgoing: Outgoing, is_bad: bool) -> dict[str, Any]:
    left, right = item.completions
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    conversations = [dicts_of(prompt.messages) + answer_messages(answer) for answer in (left, right)]
    row = {
        "model_a": left.writer,
        "model_b": right.writer,
        "winner": BOTH_BAD if is_bad else WINNERS[judgement.preferred],
        "conversation_a": conversations[0],
        "conversation_b": conversations[1],
        **common_columns(item, outgoing, NAME),
    }
    if not is_order_known(item.feedback):
        row["order"] = "unknown"
    return _with_judge(row, item)


def _with_judge(row: dict[str, Any], item: JudgedItem) -> dict[str, Any]:
    """The row with the format's own columns for who judged and when, where they hold it whole."""
    if "evaluator" in row and "pool" not in row and row.get("evaluator_kind", "model") == "model":
        judge = row.pop("evaluator")
        row["judge"] = judge.split(" ") if row.pop("evaluator_kind", None) else judge
    time = item.feedback.time
    if time is not None and time.utcoffset() == timedelta(0):
        del row["time"]
        row["tstamp"] = time.timestamp()
    return row


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns conversation_a, conversation_b and winner."""
    return "columns conversation_a, conversation_b and winner" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "two conversations side by side and which won, with ties (Chatbot Arena, MT-bench)",
    frozenset({"comparison", "label"}),
    columns=COLUMNS | {"model_a", "model_b", "judge", "turn", "tstamp", "order"},
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | KEPT_MESSAGES | {"writer", "shown order"},
)
