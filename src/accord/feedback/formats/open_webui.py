"""Open WebUI's export of feedback: thumbs and comparisons, each with the chat that it was given in.

    user_id                           the evaluator; names and addresses under `user` are never read
    data.rating                       1 or -1. Where the chat holds answers of `data.sibling_model_ids` to the same
                                      message, a comparison with each of them; else a rating on the scale -1..1
    data.details.rating               a rating on the scale 1..10, of the study `<source>.details`
    data.reason, data.comment         critiques, of the studies `<source>.reason` and `<source>.comment`
    data.model_id                     who wrote the answer
    meta.message_id                   which message of the chat it is about
    snapshot.chat                     the chat: the messages above that one are the prompt, images and files references
    meta.chat_id, updated_at          the conversation, and the time

Which answer stood on the left is not in the export. Tags and titles are not read. Written are rows of the same shape; a
tie has none, nor has what is said of an answer without a thumb or a comparison, nor have calls of tools.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accord.feedback.formats.conversations import answer_of
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.open_webui_chats import ChatMessage, chat_of
from accord.feedback.formats.open_webui_rows import DETAILS, NAME, THUMBS, rows_of_prompt
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_study
from accord.feedback.formats.written_columns import KEPT_COLUMNS
from accord.records import Completion, Critique, Evaluator, Prompt, Record

__all__ = ["FORMAT"]


@dataclass(frozen=True)
class _Judged:
    """What a row is about: the answer, who judged it, and when."""

    row: SourceRow
    reading: Reading
    prompt: Prompt
    completion: Completion
    who: Evaluator | None
    fields: dict[str, Any]


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """What somebody said of one message. Raises `RecordError` that names row and column."""
    (row,) = unit
    data, meta = inner_row(row, "data"), inner_row(row, "meta")
    chat = chat_of(row)
    message = chat.message(meta.name("message_id"), meta.place)
    prompt = reading.prompt(chat.prompt_of(message))
    writer = data.name("model_id") if data.has("model_id") else message.model
    completion = _completion(reading, prompt, message, writer, row)
    models = data.items("sibling_model_ids") if data.has("sibling_model_ids") else []
    siblings = [_completion(reading, prompt, each, each.model, row) for each in chat.siblings(message, models)]
    evaluator = reading.person(row.name("user_id")) if row.has("user_id") else None
    judged = _Judged(row, reading, prompt, completion, evaluator, _fields(row, meta))
    yield from _rating(judged, data, siblings)
    yield from _remarks(judged, data)


def _completion(
    reading: Reading, prompt: Prompt, message: ChatMessage, writer: str | None, row: SourceRow
) -> Completion:
    answer = answer_of([message.message], f"{row.place} snapshot {message.id}")
    return reading.completion(prompt, answer, writer=writer)


def _fields(row: SourceRow, meta: SourceRow) -> dict[str, Any]:
    """Conversation and time, as fields of `Feedback`."""
    fields: dict[str, Any] = {"conversation": meta.name("chat_id")} if meta.has("chat_id") else {}
    stamp = next((column for column in ("updated_at", "created_at") if row.has(column)), None)
    if stamp is not None and not row.has("time"):
        fields["time"] = row.time(stamp)
    return fields


def _rating(judged: _Judged, data: SourceRow, siblings: Sequence[Completion]) -> Iterator[Record]:
    """The thumb: a comparison with each sibling, or a rating."""
    value = data.whole("rating")
    if value not in (-1, 1):
        raise data.bad("rating", f"{value} is neither 1 nor -1")
    row, reading, prompt = judged.row, judged.reading, judged.prompt
    for sibling in siblings:
        chosen, rejected = (judged.completion, sibling) if value == 1 else (sibling, judged.completion)
        yield from reading.preferred(row, prompt, chosen, rejected, evaluator=judged.who, **judged.fields)
    if not siblings:
        yield from reading.rated(row, prompt, judged.completion, value, THUMBS, evaluator=judged.who, **judged.fields)


def _remarks(judged: _Judged, data: SourceRow) -> Iterator[Record]:
    """What was said beside the thumb."""
    row, reading = judged.row, judged.reading
    about = (row, judged.prompt, judged.completion)
    details = inner_row(data, "details") if data.has("details") else None
    if details is not None and details.has("rating"):
        value, study = details.whole("rating"), aspect_study(row, reading, "details")
        place = "data details rating"
        yield from reading.rated(
            *about, value, DETAILS, column=place, evaluator=judged.who, **judged.fields, study=study
        )
    for column in ("reason", "comment"):
        if data.has(column):
            critique, study = Critique(text=data.text(column)), aspect_study(row, reading, column)
            yield from reading.judged(
                row, judged.prompt, [judged.completion], critique, evaluator=judged.who, **judged.fields, study=study
            )


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each thumb and each comparison, with what the same person said beside it."""
    for prompt, items in outgoing.by_prompt():
        yield from rows_of_prompt(prompt, items, outgoing)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns data, meta and snapshot."""
    return "columns data, meta and snapshot" if {"data", "meta", "snapshot"} <= set(rows[0]) else None


FORMAT = Format(
    NAME,
    "thumbs and comparisons of a chat client, with the chat of each (Open WebUI's export of feedback)",
    frozenset({"rating", "comparison", "critique"}),
    columns=frozenset({"user_id", "data", "meta", "snapshot", "created_at", "updated_at"}),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"writer", "conversation", "system", "attachments"},
)
