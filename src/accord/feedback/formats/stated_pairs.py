"""Tables of `chosen` and `rejected`: scores and writers beside a pair, its records, and what is written of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accord.feedback.formats.answer_pairs import AnswerPair
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.written_columns import present
from accord.records import Comparison, Completion, Evaluator, Prompt, Record, Scale

__all__ = ["PAIR_COLUMNS", "StatedPair", "pair_records", "stated_pair"]

SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen_rating", "rejected_rating"))
WRITERS = ("chosen_model", "rejected_model")
PAIR_COLUMNS = frozenset({"tie", *(name for names in (*SCORES, WRITERS) for name in names)})
"""The columns that are read beside the texts of a pair."""


def pair_records(
    row: SourceRow,
    reading: Reading,
    prompt: Prompt,
    pair: AnswerPair,
    *,
    scale: Scale | None = None,
    evaluator: Evaluator | None = None,
) -> Iterator[Record]:
    """The records of a pair of which one answer is stated to be better, with its scores and writers.

    Equal scores make it a tie, and so does a column `tie` that is true. On a known `scale` the difference of the
    scores, in its widths, is the strength.

    Raises `RecordError` that names row and column where the scores contradict the columns that they stand in.
    """
    scores = _scores(row)
    chosen, rejected = (
        reading.completion(prompt, answer, writer=row.name(column) if row.has(column) else None)
        for answer, column in zip((pair.chosen, pair.rejected), WRITERS, strict=True)
    )
    yield from reading.preferred(
        row,
        prompt,
        chosen,
        rejected,
        tie=_is_tie(row, scores),
        strength=None if row.has("strength") or scores is None else _difference(scores, scale),
        scores=scores,
        evaluator=evaluator,
    )


def _scores(row: SourceRow) -> tuple[float, float] | None:
    """The scores of chosen and rejected, under the first pair of names of which one is there."""
    for first, second in SCORES:
        if row.has(first) or row.has(second):
            scores = row.number(first), row.number(second)
            if scores[0] < scores[1]:
                raise row.bad(first, f"{scores[0]:g} is below {second} {scores[1]:g}, which contradicts chosen")
            return scores
    return None


def _is_tie(row: SourceRow, scores: tuple[float, float] | None) -> bool:
    """Whether neither answer is better. Raises `RecordError` where the column `tie` and the scores contradict."""
    stated_tie = row.truth("tie") if row.has("tie") else None
    equal = None if scores is None else scores[0] == scores[1]
    if None not in (stated_tie, equal) and stated_tie != equal:
        raise row.bad("tie", f"{stated_tie}, which the scores {scores} contradict")
    return bool(stated_tie) or bool(equal)


def _difference(scores: tuple[float, float], scale: Scale | None) -> float | None:
    if scale is None or scores[0] == scores[1] or not all(scale.low <= score <= scale.high for score in scores):
        return None
    return (scores[0] - scores[1]) / (scale.high - scale.low)


@dataclass(frozen=True)
class StatedPair:
    """A comparison to write: the better answer, the worse one, and their scores in this order."""

    chosen: Completion
    rejected: Completion
    scores: tuple[float, float] | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of its scores and writers, as far as there are any."""
        better, worse = self.scores or (None, None)
        writers = dict(zip(WRITERS, (self.chosen.writer, self.rejected.writer), strict=True))
        return present({**dict(zip(SCORES[0], (better, worse), strict=True)), **writers})


def stated_pair(item: JudgedItem, outgoing: Outgoing) -> StatedPair | None:
    """A comparison as a pair; None for a tie, which is no preference and is counted as lost."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    if judgement.preferred == "tie":
        outgoing.lose("ties")
        return None
    is_swapped = judgement.preferred == "right"
    chosen, rejected = reversed(item.completions) if is_swapped else item.completions
    scores = judgement.scores
    if scores is not None:
        scores = (scores[1], scores[0]) if is_swapped else scores
        if scores[0] <= scores[1]:
            outgoing.lose("scores that contradict the preference")
            scores = None
    return StatedPair(chosen, rejected, scores)
