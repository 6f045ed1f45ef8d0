"""TRL's unpaired preferences (for KTO): `prompt`, `completion` and `label`, true where the completion is desirable.

A label is a rating on the scale from 0 (undesirable) to 1 (desirable), so that one person's two ratings of answers to a
prompt are a pair. Prompt and completion are texts or lists of messages, and `tools` are refused as in `trl_preference`.
Ratings on other scales of two values, such as thumbs, are written too, the upper one as true; those on scales of more
values are not: where on them desirable begins, nobody said.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import prompt_and_answer, refuse_tools
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.shapes import shaped
from accord.feedback.formats.thumbs import DESIRABLE, desirable
from accord.feedback.formats.written_columns import KEPT_COLUMNS, KEPT_MESSAGES, common_columns
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "trl_unpaired"
COLUMNS = frozenset({"prompt", "completion", "label"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one label. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    messages, answer = prompt_and_answer(row)
    prompt = reading.prompt(messages)
    completion = reading.completion(prompt, answer)
    yield from reading.rated(row, prompt, completion, float(row.truth("label")), DESIRABLE)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of lists of messages, or of texts."""
    for item in outgoing.judged():
        label = desirable(item, outgoing)
        shape = None if label is None else shaped(item.prompt, item.completions, outgoing)
        if shape is not None:
            prompt, (completion,) = shape
            row = {"prompt": prompt, "completion": completion, "label": label}
            yield row | common_columns(item, outgoing, NAME)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Its three columns."""
    return "columns prompt, completion and label" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "single answers that are desirable or not, with the columns prompt, completion, label",
    frozenset({"rating"}),
    columns=COLUMNS | {"tools"},
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | KEPT_MESSAGES,
    takes_texts=True,
)
