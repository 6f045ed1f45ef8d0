"""TRL's prompt-only format (for GRPO and the other trainers that sample): `prompt`, a text or a list of messages.

They enter as prompts alone. Written is every prompt of a ledger, or of a split of a run, and where asked for the
prompt's id and split beside it; GRPO hands such columns to its reward functions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import content_of, refuse_tools
from accord.feedback.formats.origins import ORIGIN_COLUMNS
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.shapes import shaped
from accord.feedback.formats.verl_prompts import prompts_and_nothing_else
from accord.records import Message, Prompt, Record

__all__ = ["FORMAT"]

NAME = "trl_prompt"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The prompt of a row. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    content = content_of(row, "prompt")
    messages = (Message(role="user", content=content),) if isinstance(content, str) else content
    if not messages:
        raise row.bad("prompt", "expected at least one message")
    yield Prompt(messages=messages, source=reading.source)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row a prompt."""
    for prompt in prompts_and_nothing_else(outgoing):
        if (shape := shaped(prompt, (), outgoing)) is not None:
            yield {"prompt": shape[0], **outgoing.prompt_origin(prompt.id)}


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all({"prompt"} == row.keys() - set(ORIGIN_COLUMNS) for row in rows)
    return "a column prompt, and nothing but its origin beside it" if fits else None


FORMAT = Format(
    NAME,
    "prompts alone, with the column prompt, as texts or lists of messages",
    frozenset(),
    columns=frozenset({"prompt", "tools"}),
    recognises=_recognises,
    read=read,
    write=write,
    takes_texts=True,
)
