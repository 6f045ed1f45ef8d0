"""OpenAI's preference format for fine-tuning: an input, a preferred output and one that is not.

    input                             `{messages}`, the prompt; `tools` in it are refused where there are any
    preferred_output,                 lists of messages
    non_preferred_output

Who judged is not in the data, nor which answer stood on the left. Written are these three columns and no others, which
the service would refuse: evaluators, times and strengths are lost, and ties are not written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import pair_of, refuse_tools
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.stated_pairs import pair_records, stated_pair
from accord.feedback.formats.written_columns import KEPT_MESSAGES, answer_messages
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "openai_preference"
COLUMNS = frozenset({"input", "preferred_output", "non_preferred_output"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one preference. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt_content = row.structure("input")
    if isinstance(prompt_content, dict):
        refuse_tools(inner_row(row, "input"))
        prompt_content = inner_row(row, "input").value("messages")
    flat = SourceRow(row.place, row.content | {"input": prompt_content})
    pair = pair_of(flat, "input", "preferred_output", "non_preferred_output")
    yield from pair_records(row, reading, reading.prompt(pair.prompt), pair)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of its three columns."""
    for item in outgoing.judged():
        if pair := stated_pair(item, outgoing):
            yield {
                "input": {"messages": dicts_of(item.prompt.messages)},
                "preferred_output": answer_messages(pair.chosen),
                "non_preferred_output": answer_messages(pair.rejected),
            }


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Its three columns."""
    return "columns input, preferred_output and non_preferred_output" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "preferences as OpenAI's fine-tuning reads them: input, preferred_output, non_preferred_output",
    frozenset({"comparison"}),
    columns=COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_MESSAGES,
)
