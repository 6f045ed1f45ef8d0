"""Comparisons of a first and a second answer whose order on the screen is not known."""

from collections.abc import Iterator
from typing import Any, Literal

from accord.feedback.formats.outgoing import JudgedItem
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Comparison, Completion, Prompt, Record

__all__ = ["Winner", "numbered_pair", "scores_of", "winner_of"]

Winner = Literal[0, 1] | None
"""Which answer is better: the first, the second, or neither."""


def numbered_pair(
    row: SourceRow,
    reading: Reading,
    prompt: Prompt,
    answers: tuple[Completion, Completion],
    winner: Winner,
    *,
    scores: tuple[float, float] | None = None,
    **fields: Any,
) -> Iterator[Record]:
    """The records of one comparison, `scores` in the order of the answers; `fields` as `Reading.preferred` has them."""
    is_swapped = winner == 1
    chosen, rejected = reversed(answers) if is_swapped else answers
    if scores is not None and is_swapped:
        scores = (scores[1], scores[0])
    yield from reading.preferred(row, prompt, chosen, rejected, tie=winner is None, scores=scores, **fields)


def winner_of(item: JudgedItem) -> Winner:
    """Which of an item's completions was preferred."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    match judgement.preferred:
        case "left":
            return 0
        case "right":
            return 1
        case "tie":
            return None


def scores_of(item: JudgedItem) -> tuple[float, float] | None:
    """The scores of an item's completions."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    return judgement.scores
