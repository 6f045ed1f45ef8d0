"""Prompts for OpenRLHF's trainers: a text or messages under `input` or `context_messages`.

They enter as prompts alone, under the name of their `datasource` where there is one. `label`, which OpenRLHF hands to
its reward with every answer, is no feedback on an answer, and is not read. Written is every prompt of a ledger, or of a
split of a run, with the prompt itself as `label`, `{"messages": [...]}`: the reward then knows what was asked, whatever
chat template was written around it (`--data.input_key context_messages --data.label_key label
--data.apply_chat_template`; with `--texts`, `--data.input_key input`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import content_of
from accord.feedback.formats.origins import ORIGIN_COLUMNS
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.prompt_text import prompt_to_text
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.shapes import shaped
from accord.feedback.formats.verl_prompts import prompts_and_nothing_else
from accord.records import Message, Prompt, Record

__all__ = ["FORMAT", "read", "write"]

NAME = "openrlhf_prompts"
COLUMNS = frozenset({"input", "context_messages", "label", "datasource"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The prompt of a row. Raises `RecordError` that names row and column."""
    (row,) = unit
    column = "context_messages" if row.has("context_messages") else "input"
    content = content_of(row, column)
    messages = (Message(role="user", content=content),) if isinstance(content, str) else content
    if not messages:
        raise row.bad(column, "expected at least one message")
    yield Prompt(messages=messages, source=row.name("datasource") if row.has("datasource") else reading.source)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row a prompt."""
    for prompt in prompts_and_nothing_else(outgoing):
        if (shape := shaped(prompt, (), outgoing)) is not None:
            row = {"input" if outgoing.as_texts else "context_messages": shape[0], "label": prompt_to_text(prompt)}
            yield row | {"datasource": prompt.source or NAME} | outgoing.prompt_origin(prompt.id)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    if all("context_messages" in row for row in rows):
        return "a column context_messages"
    fits = all({"input"} < row.keys() - set(ORIGIN_COLUMNS) <= COLUMNS for row in rows)
    return "a column input, and nothing but label and datasource beside it" if fits else None


FORMAT = Format(
    NAME,
    "prompts with the columns input or context_messages, label, datasource (OpenRLHF)",
    frozenset(),
    columns=COLUMNS,
    recognises=_recognises,
    read=read,
    write=write,
    takes_texts=True,
)
