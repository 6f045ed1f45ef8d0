"""TRL's preference format: `prompt`, `chosen`, `rejected`, each a text or a list of messages.

    prompt                            may be missing: then it is what the answers have in common at the start
    system, history, context          further parts of what was asked
    chosen, rejected                  texts or messages; a prompt that they repeat is taken off
    score_chosen, score_rejected      kept as the scores of the comparison; equal ones are a tie. Also as
                                      `chosen_score`, `rejected_score` or `chosen_rating`, `rejected_rating`
    chosen_model, rejected_model      who wrote them
    tools                             refused where there are any: a prompt here holds no definitions of tools

Which answer stood on the left is not in the data: the places go by a digest of the texts. Written are lists of
messages (texts with `--texts`), scores and writers where there are any, and the common columns; a tie is no
preference and is not written.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import pair_of, refuse_tools
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import PROMPT_COLUMNS, Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.shapes import shaped
from accord.feedback.formats.stated_pairs import PAIR_COLUMNS, pair_records, stated_pair
from accord.feedback.formats.written_columns import KEPT_COLUMNS, KEPT_MESSAGES, common_columns
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "trl_preference"
# Columns by which other formats of chosen and rejected answers are told from this one.
RELATIVES = frozenset({"instruction", "conversations", "subset", "prompt_id", "conversation_a"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one preference. Raises `RecordError` that names row and column."""
    (row,) = unit
    refuse_tools(row)
    pair = pair_of(row)
    yield from pair_records(row, reading, reading.prompt_of(row, pair.prompt), pair)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of lists of messages, or of texts."""
    for item in outgoing.judged():
        pair = stated_pair(item, outgoing)
        shape = None if pair is None else shaped(item.prompt, (pair.chosen, pair.rejected), outgoing)
        if pair is not None and shape is not None:
            prompt, (chosen, rejected) = shape
            row = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
            yield row | pair.columns() | common_columns(item, outgoing, NAME)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns chosen and rejected, and none of those by which its relatives are known."""
    columns = set(rows[0])
    if not {"chosen", "rejected"} <= columns or columns & RELATIVES:
        return None
    if "prompt" in columns:
        return "columns prompt, chosen and rejected"
    if any(isinstance(row.get("chosen"), str) and row["chosen"].startswith("\n\nHuman:") for row in rows):
        return None
    return "columns chosen and rejected without a prompt"


FORMAT = Format(
    NAME,
    "preferences with the columns prompt, chosen, rejected, as texts or lists of messages",
    frozenset({"comparison"}),
    columns=PROMPT_COLUMNS | {"chosen", "rejected", "tools"} | PAIR_COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | KEPT_MESSAGES | {"scores", "writer"},
    takes_texts=True,
)
