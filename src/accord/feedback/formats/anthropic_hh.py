"""Anthropic's helpful-and-harmless transcripts (Bai et al. 2022): `{chosen, rejected}` a line, JSON or gzipped JSON.

The prompt is what both transcripts share up to the last turn of the assistant that both have begun; the completion is
all that follows, which holds further turns where the transcripts part early. The data does not say who judged, nor
which answer stood on the left: the evaluator is the unknown one, and the places go by a digest of the texts.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from accord.errors import RecordError
from accord.feedback.formats.lines import Row, compared, rows, shared
from accord.feedback.formats.registry import Format
from accord.feedback.provenance import unknown_evaluator
from accord.records import Message, Prompt, Record

__all__ = ["FORMAT", "read"]

SOURCE = "anthropic-hh"
ASSISTANT = "\n\nAssistant:"
TURN = re.compile(r"\n\n(Human|Assistant):")
ROLES: dict[str, Literal["user", "assistant"]] = {"Human": "user", "Assistant": "assistant"}


class _Row(Row):
    chosen: str
    rejected: str


def read(path: Path) -> Iterator[Record]:
    """The records of a file. Raises `RecordError` that names line and field."""
    evaluator = unknown_evaluator(SOURCE)
    yield evaluator
    for place, row in rows(path, _Row):
        for name, transcript in (("chosen", row.chosen), ("rejected", row.rejected)):
            if not transcript.startswith("\n\nHuman:"):
                raise RecordError(
                    f"expected a transcript that begins with '\\n\\nHuman:', not {transcript[:40]!r}",
                    place=f"{place} {name}",
                )
        cut = row.chosen[: shared(row.chosen, row.rejected)].rfind(ASSISTANT)
        if cut < 0:
            raise RecordError("shares no '\\n\\nAssistant:' turn with chosen", place=f"{place} rejected")
        start = cut + len(ASSISTANT)
        chosen, rejected = row.chosen[start:].strip(), row.rejected[start:].strip()
        if chosen == rejected:
            raise RecordError("the same transcript as chosen, so it is no preference", place=f"{place} rejected")
        prompt = Prompt(messages=_messages(row.chosen[:cut]), source=SOURCE)
        yield from compared(prompt, chosen, rejected, evaluator, SOURCE)


def _messages(transcript: str) -> tuple[Message, ...]:
    parts = TURN.split(transcript)[1:]
    turns = zip(parts[::2], parts[1::2], strict=True)
    return tuple(Message(role=ROLES[role], content=content.strip()) for role, content in turns)


def _recognises(name: str, head: bytes) -> bool:
    return b'"chosen"' in head and BEGINNING in head


BEGINNING = rb'"\n\nHuman:'
FORMAT = Format(
    "anthropic_hh",
    "preferences between transcripts, {chosen, rejected} a line (JSON lines, gzipped or not)",
    frozenset({"comparison"}),
    _recognises,
    read,
)
