"""HelpSteer2's preferences (Wang et al. 2024, arXiv 2410.01257): two answers, and by how much one is better.

    prompt, response_1, response_2    texts; further turns of a prompt behind `<extra_id_1>` markers
    preference_strength               -3 (the first is much better) .. 3 (the second is); 0 is a tie
    all_preferences_unprocessed       where it is there, every vote in it (`strength`) is a record of its own, and
                                      `preference_strength`, which sums them up, is none

Statements and elaborations are about both answers at once, which no record holds: `preference_statement` and
`preference_elaboration` are told as not read, and those within the votes are left out without a word. Who judged
and which answer was seen first is not in the data. Written are votes as rows of their own; a preference without a
strength is not, because the number says how strong it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.inner_rows import inner_rows
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.signed_votes import exact_strength, signed_vote, vote_records
from accord.feedback.formats.turn_markers import marked_messages, marked_text
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "helpsteer2_preference"
COLUMNS = frozenset({"prompt", "response_1", "response_2", "preference_strength"})
VOTES = "all_preferences_unprocessed"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The votes on one pair. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt = reading.prompt(marked_messages(row.text("prompt")))
    first, second = (reading.completion(prompt, Answer(row.text(f"response_{number}"))) for number in (1, 2))
    if first == second:
        raise row.bad("response_2", "the same as response_1, so it is no comparison")
    votes = inner_rows(row, VOTES) if row.has(VOTES) else []
    for vote in votes:
        yield from vote_records(row, vote, "strength", reading, prompt, first, second)
    if not votes:
        yield from vote_records(row, row, "preference_strength", reading, prompt, first, second)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of one vote each."""
    for item in outgoing.judged():
        text = marked_text(item.prompt.messages)
        first, second = item.completions
        if text is None or first.turns is not None or second.turns is not None:
            outgoing.lose("conversations that are no plain turns")
            continue
        vote = signed_vote(item, first, outgoing)
        if vote is not None:
            yield {
                "prompt": text,
                "response_1": first.text,
                "response_2": second.text,
                "preference_strength": vote,
                **exact_strength(common_columns(item, outgoing, NAME), vote),
            }


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns response_1, response_2 and preference_strength."""
    return "columns response_1, response_2 and preference_strength" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "preferences between two answers on a scale from -3 to 3",
    frozenset({"comparison"}),
    columns=COLUMNS | {VOTES},
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS,
)
