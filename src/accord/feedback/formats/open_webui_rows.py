"""Rows of Open WebUI's shape: a thumb or a comparison, what was said beside it, and the chat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.studies import aspect_of
from accord.feedback.formats.written_columns import common_columns, present
from accord.records import Comparison, Completion, Critique, Message, Prompt, Rating, Scale

__all__ = ["DETAILS", "NAME", "THUMBS", "rows_of_prompt"]

NAME = "open_webui"
THUMBS = Scale(low=-1, high=1, step=2, low_label="thumbs down", high_label="thumbs up")
DETAILS = Scale(low=1, high=10, step=1)
REMARKS = ("details", "reason", "comment")


@dataclass
class _Vote:
    """A row to write: the answer that it is about, 1 or -1, the answer that it was compared with, and remarks."""

    item: JudgedItem
    answer: Completion
    rating: int
    sibling: Completion | None
    columns: dict[str, Any]
    remarks: dict[str, Any] = field(default_factory=dict)


def rows_of_prompt(prompt: Prompt, items: Sequence[JudgedItem], outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """The rows for all that was said about answers to one prompt."""
    if not _fits(prompt):
        outgoing.lose("prompts that are no plain turns", len(items))
        return
    plain = [item for item in items if all(answer.turns is None for answer in item.completions)]
    if len(plain) < len(items):
        outgoing.lose("answers of several messages", len(items) - len(plain))
    remarks = [(item, remark) for item in plain if (remark := _remark(item))]
    remarked = {(item.evaluator.id, item.completions[0].id) for item, _ in remarks}
    votes = [vote for item in plain if not _remark(item) and (vote := _vote(item, remarked, outgoing))]
    for item, (column, value) in remarks:
        columns = _columns(item, outgoing)
        for vote in votes:
            if (vote.answer.id, vote.columns) == (item.completions[0].id, columns) and column not in vote.remarks:
                vote.remarks[column] = value
                break
        else:
            outgoing.lose("remarks without a thumb or a comparison")
    yield from (_row(prompt, vote) for vote in votes)


def _fits(prompt: Prompt) -> bool:
    """Whether a chat can hold the prompt: turns of user and assistant, perhaps behind a system message."""
    turns = prompt.messages[1:] if prompt.messages[0].role == "system" else prompt.messages
    return bool(turns) and all(
        message.role in ("user", "assistant") and message == _only_text_and_files(message) for message in turns
    )


def _only_text_and_files(message: Message) -> Message:
    kinds = {attachment.kind for attachment in message.attachments or ()}
    attachments = message.attachments if kinds <= {"image", "file"} else None
    return Message(role=message.role, content=message.content, attachments=attachments)


def _remark(item: JudgedItem) -> tuple[str, Any] | None:
    """The column of `data` that holds what was said beside a thumb, and what it holds."""
    aspect = aspect_of(item.feedback)[1]
    match item.feedback.judgement:
        case Critique(text=text) if aspect in ("reason", "comment"):
            return aspect, text
        case Critique(text=text):
            return "comment", text
        case Rating(value=value, scale=scale) if aspect == "details" and scale == DETAILS and value == int(value):
            return "details", {"rating": int(value)}
        case _:
            return None


def _vote(item: JudgedItem, remarked: set[tuple[str, str]], outgoing: Outgoing) -> _Vote | None:
    """The vote that a thumb or a comparison is; None, and counted as lost, for another one.

    A comparison is written about the answer that something else was said of, else about the better one.
    """
    match item.feedback.judgement:
        case Rating(value=value, scale=scale) if scale == THUMBS and abs(value) == 1:
            return _Vote(item, item.completions[0], int(value), None, _columns(item, outgoing))
        case Comparison(preferred="left" | "right" as side):
            better, worse = item.completions if side == "left" else item.completions[::-1]
            if better.writer is None or worse.writer is None or better.text == worse.text:
                outgoing.lose("comparisons of answers without writers")
                return None
            is_worse = (item.evaluator.id, worse.id) in remarked and (item.evaluator.id, better.id) not in remarked
            answer, sibling = (worse, better) if is_worse else (better, worse)
            return _Vote(item, answer, -1 if is_worse else 1, sibling, _columns(item, outgoing))
        case Comparison():
            outgoing.lose("ties")
        case _:
            outgoing.lose("ratings that are no thumbs")
    return None


def _columns(item: JudgedItem, outgoing: Outgoing) -> dict[str, Any]:
    """The columns of who judged and when, in the export's own names where they hold it whole."""
    study, aspect = aspect_of(item.feedback)
    columns = common_columns(item, outgoing, NAME, study=study if aspect in REMARKS else None)
    if "evaluator" in columns and not {"pool", "evaluator_kind"} & columns.keys():
        columns["user_id"] = columns.pop("evaluator")
    time = item.feedback.time
    if time is not None and time.utcoffset() == timedelta(0) and time.microsecond == 0:
        del columns["time"]
        columns["created_at"] = columns["updated_at"] = int(time.timestamp())
    return columns | present({"conversation": item.feedback.conversation})


def _row(prompt: Prompt, vote: _Vote) -> dict[str, Any]:
    columns = dict(vote.columns)
    chat, name = columns.pop("conversation", None), f"{vote.item.feedback.id}-answer"
    siblings = None if vote.sibling is None else [vote.sibling.writer]
    return {
        "id": vote.item.feedback.id,
        "user_id": None,
        "version": 0,
        "type": "rating",
        "data": {"rating": vote.rating, "model_id": vote.answer.writer, "sibling_model_ids": siblings, **vote.remarks},
        "meta": present({"chat_id": chat, "message_id": name}),
        "snapshot": {"chat": {"id": chat, "chat": _chat(prompt, vote, name)}},
        **columns,
    }


def _chat(prompt: Prompt, vote: _Vote, name: str) -> dict[str, Any]:
    system, turns = (
        (prompt.messages[0].content, prompt.messages[1:])
        if prompt.messages[0].role == "system"
        else (None, prompt.messages)
    )
    messages: dict[str, dict[str, Any]] = {}
    parent = None
    for number, message in enumerate(turns):
        files = [{"type": each.kind, "url": each.uri} for each in message.attachments or ()]
        here = f"{vote.item.feedback.id}-{number}"
        messages[here] = _message(here, parent, message.role, message.content) | ({"files": files} if files else {})
        parent = here
    for here, answer in ((name, vote.answer), (f"{name}-sibling", vote.sibling)):
        if answer is not None:
            messages[here] = _message(here, parent, "assistant", answer.text) | present({"model": answer.writer})
    return {"params": present({"system": system}), "history": {"messages": messages, "currentId": name}}


def _message(name: str, parent: str | None, role: str, content: str) -> dict[str, Any]:
    return {"id": name, "parentId": parent, "role": role, "content": content}
