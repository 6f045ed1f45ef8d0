"""Stanford Human Preferences (Ethayarajh et al. 2022): a post, two comments on it, and which one readers voted up more.

    history                           a text, the prompt; `domain` is kept in the prompt's source, `<source>/<domain>`
    human_ref_A, human_ref_B          texts
    labels                            1 where A is preferred, 0 where B is
    score_A, score_B                  kept as scores: votes for less votes against; `score_ratio` follows from them

The voters are unknown, and so is the order in which they read. Identifiers and times of the comments are not read.
Written are the same columns; `labels` has no tie, so ties are not.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer, messages_of
from accord.feedback.formats.numbered_sides import Winner, numbered_pair, scores_of, winner_of
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, present, single_text
from accord.records import Record

__all__ = ["FORMAT"]

NAME = "shp"
COLUMNS = frozenset({"history", "human_ref_A", "human_ref_B", "labels"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one preference. Raises `RecordError` that names row and column."""
    (row,) = unit
    messages = messages_of(row.text("history"), f"{row.place} history")
    prompt = prompt_of_subset(reading, messages, row.name("domain") if row.has("domain") else None)
    first, second = (reading.completion(prompt, Answer(row.text(f"human_ref_{side}"))) for side in "AB")
    if first == second:
        raise row.bad("human_ref_B", "the same as human_ref_A, so it is no comparison")
    winner: Winner = 0 if row.truth("labels") else 1
    yield from numbered_pair(row, reading, prompt, (first, second), winner, scores=_scores(row, winner))


def _scores(row: SourceRow, winner: Winner) -> tuple[float, float] | None:
    """The scores, which must not contradict the label."""
    if not row.has("score_A") and not row.has("score_B"):
        return None
    scores = row.number("score_A"), row.number("score_B")
    better, worse = scores if winner == 0 else scores[::-1]
    if better <= worse:
        raise row.bad("labels", f"says that {'AB'[winner or 0]} is better, and the scores {scores} do not")
    return scores


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of texts."""
    for item in outgoing.judged():
        winner = winner_of(item)
        text = single_text(item.prompt, item.completions, outgoing)
        if winner is None:
            outgoing.lose("ties")
        elif text is not None:
            first, second = scores_of(item) or (None, None)
            if first is not None and second is not None and (first - second) * (1 - 2 * winner) <= 0:
                outgoing.lose("scores that contradict the preference")
                first = second = None
            yield {
                "history": text,
                "domain": subset_of(item.prompt, NAME),
                "human_ref_A": item.completions[0].text,
                "human_ref_B": item.completions[1].text,
                "labels": 1 - winner,
                **present({"score_A": first, "score_B": second}),
                **common_columns(item, outgoing, NAME),
            }


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns history, human_ref_A, human_ref_B and labels."""
    return "columns history, human_ref_A, human_ref_B and labels" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "posts with two comments, of which readers voted one up more (Stanford Human Preferences)",
    frozenset({"comparison"}),
    columns=COLUMNS | {"domain", "score_A", "score_B", "score_ratio"},
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"scores"},
)
