"""TRL's prompt-completion format (for supervised training): `prompt` and `completion`, texts or lists of messages.

A completion is a demonstration: one text that somebody would answer. Completions of several messages, or with calls of
tools, are refused by name, because a demonstration is a text; so are `tools`. Corrections are not written: what was
wrong with the answer that they correct would be lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import prompt_and_answer, refuse_tools
from accord.feedback.formats.demonstrations import demonstrated, demonstration_text
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.shapes import shaped
from accord.feedback.formats.written_columns import KEPT_COLUMNS, KEPT_MESSAGES, common_columns
from accord.records import Completion, Record

__all__ = ["FORMAT"]

NAME = "trl_prompt_completion"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one demonstration. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    messages, answer = prompt_and_answer(row)
    yield from demonstrated(row, reading, reading.prompt(messages), answer, "completion")


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of lists of messages, or of texts."""
    for item in outgoing.judged():
        answer = Completion(prompt=item.prompt.id, text=demonstration_text(item))
        if (shape := shaped(item.prompt, (answer,), outgoing)) is not None:
            prompt, (completion,) = shape
            yield {"prompt": prompt, "completion": completion} | common_columns(item, outgoing, NAME)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Its two columns, and nothing that was said of the completion."""
    columns = set(rows[0])
    fits = {"prompt", "completion"} <= columns and columns.isdisjoint({"label", "propositions"})
    return "columns prompt and completion" if fits else None


FORMAT = Format(
    NAME,
    "answers to learn from, with the columns prompt, completion",
    frozenset({"demonstration"}),
    columns=frozenset({"prompt", "completion", "tools"}),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | KEPT_MESSAGES,
    takes_texts=True,
)
