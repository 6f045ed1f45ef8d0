"""LLaMA-Factory's alpaca style: an instruction, its input, and an output, two ranked answers, or an output with a tag.

    instruction, input                the last message of the user, joined by a line break where there is an input
    system, history                   the messages before it: a text, and pairs of question and answer
    output                            a demonstration; with `kto_tag`, an answer that is desirable or not (as
                                      `trl_unpaired`)
    chosen, rejected                  a pair of texts, of which the first is better
    images, videos, audios            paths, for `<image>`, `<video>` and `<audio>` in the texts
    tools                             refused where there are any: a prompt here holds no definitions of tools

Who judged is not in the data. Written are the same columns; prompts that are no plain turns of user and assistant,
answers of several messages, ties and ratings on other scales are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import AnswerPair, refuse_tools
from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.demonstrations import demonstrated, demonstration_text
from accord.feedback.formats.media_placeholders import MEDIA_COLUMNS, media_columns, with_media
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, pair_records, stated_pair
from accord.feedback.formats.thumbs import DESIRABLE, desirable
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, present
from accord.records import Comparison, Message, Prompt, Rating, Record

__all__ = ["FORMAT"]

NAME = "llama_factory"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one row. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    prompt = reading.prompt(with_media(row, _messages(row)))
    if row.has("chosen") or row.has("rejected"):
        if row.has("output"):
            raise row.bad("output", "stands beside chosen and rejected; --ignore output leaves it aside")
        chosen, rejected = Answer(row.text("chosen")), Answer(row.text("rejected"))
        if chosen == rejected:
            raise row.bad("rejected", "the same as chosen, so it is no preference")
        yield from pair_records(row, reading, prompt, AnswerPair(prompt.messages, chosen, rejected))
    elif row.has("kto_tag"):
        completion = reading.completion(prompt, Answer(row.text("output")))
        value = float(row.truth("kto_tag"))
        yield from reading.rated(row, prompt, completion, value, DESIRABLE, column="kto_tag")
    else:
        yield from demonstrated(row, reading, prompt, Answer(row.text("output")), "output")


def _messages(row: SourceRow) -> list[Message]:
    messages = [Message(role="system", content=row.text("system"))] if row.has("system") else []
    for number, turn in enumerate(row.items("history") if row.has("history") else []):
        if not isinstance(turn, list | tuple) or len(turn) != 2 or not all(isinstance(text, str) for text in turn):
            raise row.bad(f"history.{number}", f"expected a question and an answer, not {turn!r:.60}")
        messages += Message(role="user", content=turn[0]), Message(role="assistant", content=turn[1])
    text = row.text("instruction")
    if row.has("input"):
        text += "\n" + row.text("input")
    if not text.strip():
        raise row.bad("instruction", "empty")
    return [*messages, Message(role="user", content=text)]


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of texts."""
    for item in outgoing.judged():
        prompt = _prompt_columns(item.prompt, outgoing)
        answers = _answer_columns(item, outgoing) if prompt is not None else None
        if prompt is not None and answers is not None:
            yield prompt | answers | common_columns(item, outgoing, NAME)


def _prompt_columns(prompt: Prompt, outgoing: Outgoing) -> dict[str, Any] | None:
    """The columns of a prompt of plain turns, the user's first and last; None, and counted as lost, for another one."""
    written = media_columns(prompt.messages)
    messages, media = written or ((), {})
    system, turns = (
        (messages[0].content, messages[1:]) if messages and messages[0].role == "system" else (None, messages)
    )
    roles = [message.role for message in turns]
    if roles != ["user", "assistant"] * (len(turns) // 2) + ["user"] or not all(message.plain for message in messages):
        outgoing.lose("prompts that are no plain turns")
        return None
    history = [[question.content, answer.content] for question, answer in zip(turns[:-1:2], turns[1::2], strict=True)]
    return present(
        {"system": system, "history": history or None, "instruction": turns[-1].content, "input": "", **media}
    )


def _answer_columns(item: JudgedItem, outgoing: Outgoing) -> dict[str, Any] | None:
    """The columns of what was said; None, and counted as lost, where there are none for it."""
    if any(answer.turns is not None for answer in item.completions):
        outgoing.lose("answers of several messages")
        return None
    match item.feedback.judgement:
        case Comparison():
            pair = stated_pair(item, outgoing)
            if pair is None:
                return None
            return {"chosen": pair.chosen.text, "rejected": pair.rejected.text, **pair.columns()}
        case Rating():
            tag = desirable(item, outgoing)
            return None if tag is None else {"output": item.completions[0].text, "kto_tag": tag}
        case _:
            return {"output": demonstration_text(item)}


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Column instruction, with output or with chosen and rejected."""
    columns = set(rows[0])
    if "instruction" in columns and {"chosen", "rejected"} <= columns:
        return "columns instruction, chosen and rejected"
    return "columns instruction and output" if {"instruction", "output"} <= columns else None


FORMAT = Format(
    NAME,
    "LLaMA-Factory's alpaca style: instruction, input and output, or chosen and rejected, or output and kto_tag",
    frozenset({"comparison", "rating", "demonstration"}),
    columns=frozenset({"instruction", "input", "output", "system", "history", "chosen", "rejected", "kto_tag", "tools"})
    | MEDIA_COLUMNS
    | PAIR_COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"system", "attachments", "scores", "writer"},
)
