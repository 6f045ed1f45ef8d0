"""ShareGPT, also as LLaMA-Factory has it, and conversations as `messages`: a whole conversation a row.

    conversations, or messages        a list of {from, value} or {role, content}; a call of a tool is a message from
                                      `function_call` that holds it as JSON
    system                            a text before them
    chosen, rejected                  one message each: a pair of answers to the conversation, the first is better
    kto_tag                           whether the last message, of the assistant, is desirable (as `trl_unpaired`)
    images, videos, audios            paths, for `<image>`, `<video>` and `<audio>` in the texts
    tools                             refused where there are any: a prompt here holds no definitions of tools

Without chosen, rejected and kto_tag the last message, of the assistant, is a demonstration, and those before it are its
prompt. Written is the column `conversations`; what it cannot hold (ids of calls, names, calls beside a text, answers of
several messages) keeps a judgement out, as ties do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import AnswerPair, refuse_tools
from accord.feedback.formats.conversations import Answer, answer_of
from accord.feedback.formats.demonstrations import demonstrated, demonstration_text
from accord.feedback.formats.media_placeholders import MEDIA_COLUMNS, media_columns, with_media
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.sharegpt_messages import sharegpt_dicts, sharegpt_messages
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, pair_records, stated_pair
from accord.feedback.formats.thumbs import DESIRABLE, desirable
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Comparison, Completion, Message, Rating, Record

__all__ = ["FORMAT"]

NAME = "sharegpt"
UNWRITTEN = "judgements of messages that its rows cannot hold"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one conversation. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    column = "conversations" if row.has("conversations") else "messages"
    messages = sharegpt_messages(row.structure(column), f"{row.place} {column}")
    if row.has("system"):
        messages = (Message(role="system", content=row.text("system")), *messages)
    messages = with_media(row, messages)
    if not messages:
        raise row.bad(column, "empty")
    if row.has("chosen") or row.has("rejected"):
        yield from _pair(row, reading, messages)
        return
    if len(messages) < 2 or messages[-1].role != "assistant":
        raise row.bad(column, "expected a question and at the end an answer of the assistant")
    prompt, answer = reading.prompt(messages[:-1]), answer_of(messages[-1:], f"{row.place} {column}")
    if row.has("kto_tag"):
        completion = reading.completion(prompt, answer)
        value = float(row.truth("kto_tag"))
        yield from reading.rated(row, prompt, completion, value, DESIRABLE, column="kto_tag")
    else:
        yield from demonstrated(row, reading, prompt, answer, column)


def _pair(row: SourceRow, reading: Reading, messages: tuple[Message, ...]) -> Iterator[Record]:
    chosen, rejected = _answer(row, "chosen"), _answer(row, "rejected")
    if chosen == rejected:
        raise row.bad("rejected", "the same as chosen, so it is no preference")
    yield from pair_records(row, reading, reading.prompt(messages), AnswerPair(messages, chosen, rejected))


def _answer(row: SourceRow, column: str) -> Answer:
    place = f"{row.place} {column}"
    return answer_of(sharegpt_messages(row.structure(column), place, role="assistant"), place)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row for each preference, tag and demonstration."""
    for item in outgoing.judged():
        columns = _columns(item, outgoing)
        if columns is not None:
            yield columns | common_columns(item, outgoing, NAME)


def _columns(item: JudgedItem, outgoing: Outgoing) -> dict[str, Any] | None:
    """The columns of what was said; None, and counted as lost, where there are none for it."""
    messages = item.prompt.messages
    match item.feedback.judgement:
        case Comparison():
            return _pair_columns(item, outgoing)
        case Rating():
            tag = desirable(item, outgoing)
            answer = item.completions[0].turns or (Message(role="assistant", content=item.completions[0].text),)
            return None if tag is None else _conversation(messages, answer, outgoing, kto_tag=tag)
        case _:
            answer = (Message(role="assistant", content=demonstration_text(item)),)
            return _conversation(messages, answer, outgoing)


def _pair_columns(item: JudgedItem, outgoing: Outgoing) -> dict[str, Any] | None:
    pair = stated_pair(item, outgoing)
    if pair is None:
        return None
    sides = {name: _one_message(answer) for name, answer in (("chosen", pair.chosen), ("rejected", pair.rejected))}
    if None in sides.values():
        outgoing.lose(UNWRITTEN)
        return None
    return _conversation(item.prompt.messages, (), outgoing, **sides, **pair.columns())


def _one_message(answer: Completion) -> dict[str, str] | None:
    messages = sharegpt_dicts(answer.turns or (Message(role="assistant", content=answer.text),))
    return messages[0] if messages and len(messages) == 1 else None


def _conversation(
    prompt: tuple[Message, ...], answer: tuple[Message, ...], outgoing: Outgoing, **columns: Any
) -> dict[str, Any] | None:
    """The column of a conversation and those of its media, beside `columns`; None, and counted as lost, without any."""
    written = media_columns((*prompt, *answer)) if len(answer) < 2 else None
    messages = sharegpt_dicts(written[0]) if written else None
    if written is None or messages is None:
        outgoing.lose(UNWRITTEN)
        return None
    return {"conversations": messages, **written[1], **columns}


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Column conversations; or messages, without the columns of other formats that have such a one."""
    columns = set(rows[0])
    if "conversations" in columns:
        return "column conversations"
    others = {"record", "prompt", "chosen", "rejected", "completion", "instruction", "message_id"}
    return (
        "column messages, and none of a prompt or an answer" if "messages" in columns and not columns & others else None
    )


FORMAT = Format(
    NAME,
    "whole conversations, the last message to learn from, with chosen and rejected ones, or with kto_tag (ShareGPT)",
    frozenset({"comparison", "rating", "demonstration"}),
    columns=frozenset({"conversations", "messages", "system", "chosen", "rejected", "kto_tag", "tools"})
    | MEDIA_COLUMNS
    | PAIR_COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"system", "several turns", "tool calls", "attachments", "scores", "writer"},
)
