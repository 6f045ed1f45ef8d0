"""WebGPT's comparisons (Nakano et al. 2021, arXiv 2112.09332): a question, two answers, and a score of each.

    question                          `{full_text, dataset, id}`, or a text; the prompt. `dataset` is kept in its
                                      source, `<source>/<dataset>`
    answer_0, answer_1                texts
    score_0, score_1                  from -1 to 1, with the sum 0: the better answer has the higher one, and both are 0
                                      for a tie. Kept as scores; their size is the strength

What each answer quotes (`quotes_*`) and its tokens are not read. Who judged is not in the data, nor in which order.
Written are the same columns; a preference without a strength is not, because the scores say how strong it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer, messages_of
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.numbered_sides import Winner, numbered_pair, winner_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.subsets import prompt_of_subset, subset_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns, single_text
from accord.records import Comparison, Prompt, Record

__all__ = ["FORMAT"]

NAME = "webgpt"
COLUMNS = frozenset({"question", "answer_0", "answer_1", "score_0", "score_1"})
ROUNDING = 1e-6


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one comparison. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt = _prompt(row, reading)
    first, second = (reading.completion(prompt, Answer(row.text(f"answer_{side}"))) for side in (0, 1))
    if first == second:
        raise row.bad("answer_1", "the same as answer_0, so it is no comparison")
    scores = _score(row, "score_0"), _score(row, "score_1")
    if abs(scores[0] + scores[1]) > ROUNDING:
        raise row.bad("score_1", f"{scores[1]:g} is not the opposite of score_0 {scores[0]:g}")
    winner: Winner = None if scores[0] == 0 else 0 if scores[0] > 0 else 1
    strength = None if row.has("strength") or winner is None else abs(scores[0])
    yield from numbered_pair(row, reading, prompt, (first, second), winner, scores=scores, strength=strength)


def _prompt(row: SourceRow, reading: Reading) -> Prompt:
    question = row.structure("question")
    if isinstance(question, str):
        return reading.prompt(messages_of(question, f"{row.place} question"))
    parts = inner_row(row, "question")
    messages = messages_of(parts.text("full_text"), parts.place)
    return prompt_of_subset(reading, messages, parts.name("dataset") if parts.has("dataset") else None)


def _score(row: SourceRow, column: str) -> float:
    score = row.number(column)
    if not -1 <= score <= 1:
        raise row.bad(column, f"{score:g} is not on the scale -1..1")
    return score


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of texts."""
    for item in outgoing.judged():
        text = single_text(item.prompt, item.completions, outgoing)
        size = _size(item, outgoing) if text is not None else None
        if text is not None and size is not None:
            columns = common_columns(item, outgoing, NAME)
            if columns.get("strength") == size:
                del columns["strength"]
            first, second = (0.0, 0.0) if not size else (size, -size) if winner_of(item) == 0 else (-size, size)
            yield {
                "question": {"full_text": text, "dataset": subset_of(item.prompt, NAME)},
                "answer_0": item.completions[0].text,
                "score_0": first,
                "answer_1": item.completions[1].text,
                "score_1": second,
                **columns,
            }


def _size(item: JudgedItem, outgoing: Outgoing) -> float | None:
    """The score of the better answer: its own where the scores are opposites, else the strength; 0 for a tie."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Comparison)
    winner, scores = winner_of(item), judgement.scores
    opposite = scores is not None and abs(sum(scores)) <= ROUNDING
    if scores is not None and ((winner is None and scores != (0, 0)) or not opposite):
        outgoing.lose("scores that are no opposites")
    if winner is None:
        return 0.0
    if scores is not None and opposite and 0 < scores[winner] <= 1:
        return scores[winner]
    if not judgement.strength:
        outgoing.lose("preferences without a strength")
    return judgement.strength or None


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns question, answer_0, answer_1, score_0 and score_1."""
    return "columns question, answer_0, answer_1, score_0 and score_1" if set(rows[0]) >= COLUMNS else None


FORMAT = Format(
    NAME,
    "questions with two answers and a score of each, whose sum is 0 (WebGPT comparisons)",
    frozenset({"comparison"}),
    columns=COLUMNS,
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"scores"},
)
