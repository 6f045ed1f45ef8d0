"""Anthropic's helpful-and-harmless transcripts (Bai et al. 2022): two whole conversations, `chosen` and `rejected`.

The prompt is what both transcripts share up to the last turn of the assistant that both have begun; the completion is
all that follows, which holds further turns where the transcripts part early. The data does not say who judged, nor
which answer stood on the left: the evaluator is the unknown one, and the places go by a digest of the texts. Written
are the same two columns; prompts that are no plain turns, answers of several messages and ties are not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from accord.feedback.formats.conversations import Answer, shared
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import stated_pair
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Message, Record

__all__ = ["FORMAT"]

NAME = "anthropic_hh"
BEGINNING = "\n\nHuman:"
ASSISTANT = "\n\nAssistant:"
TURN = re.compile(r"\n\n(Human|Assistant):")
ROLES: dict[str, Literal["user", "assistant"]] = {"Human": "user", "Assistant": "assistant"}


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one preference. Raises `RecordError` that names row and column."""
    (row,) = unit
    chosen, rejected = _transcript(row, "chosen"), _transcript(row, "rejected")
    cut = chosen[: shared(chosen, rejected)].rfind(ASSISTANT)
    if cut < 0:
        raise row.bad("rejected", "shares no '\\n\\nAssistant:' turn with chosen")
    start = cut + len(ASSISTANT)
    better, worse = chosen[start:].strip(), rejected[start:].strip()
    if better == worse:
        raise row.bad("rejected", "the same transcript as chosen, so it is no preference")
    prompt = reading.prompt(_messages(chosen[:cut]))
    answers = (reading.completion(prompt, Answer(text)) for text in (better, worse))
    yield from reading.preferred(row, prompt, *answers)


def _transcript(row: SourceRow, column: str) -> str:
    text = row.text(column)
    if not text.startswith(BEGINNING):
        raise row.bad(column, f"expected a transcript that begins with '\\n\\nHuman:', not {text[:40]!r}")
    return text


def _messages(transcript: str) -> tuple[Message, ...]:
    parts = TURN.split(transcript)[1:]
    turns = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role=ROLES[role], content=content.strip()) for role, content in turns)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of two transcripts."""
    for item in outgoing.judged():
        pair = stated_pair(item, outgoing)
        beginning = _transcript_of(item, outgoing) if pair else None
        if pair and beginning is not None:
            chosen, rejected = (f"{beginning}{ASSISTANT} {answer.text}" for answer in (pair.chosen, pair.rejected))
            if chosen[: shared(chosen, rejected)].rfind(ASSISTANT) == len(beginning):
                yield {"chosen": chosen, "rejected": rejected, **common_columns(item, outgoing, NAME)}
            else:
                outgoing.lose("answers that begin alike")


def _transcript_of(item: JudgedItem, outgoing: Outgoing) -> str | None:
    """The prompt as a transcript; None, and counted as lost, where it is no plain turns or the answers have several."""
    messages = item.prompt.messages
    speakers = {"user": BEGINNING, "assistant": ASSISTANT}
    plain = all(message.plain and message.role in speakers and not TURN.search(message.content) for message in messages)
    if not plain or messages[0].role != "user" or any(answer.turns is not None for answer in item.completions):
        outgoing.lose("conversations that are no plain turns")
        return None
    return "".join(f"{speakers[message.role]} {message.content}" for message in messages)


def is_transcript(value: object) -> bool:
    """Whether a value is such a transcript."""
    return isinstance(value, str) and value.startswith(BEGINNING)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if all(is_transcript(row.get("chosen")) and is_transcript(row.get("rejected")) for row in rows):
        return "`chosen` and `rejected` are transcripts that begin with 'Human:'"
    return None


FORMAT = Format(
    NAME,
    "preferences between whole transcripts (Anthropic HH): `chosen`, `rejected`",
    frozenset({"comparison"}),
    columns=frozenset({"chosen", "rejected"}),
    recognises=_recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS,
)
