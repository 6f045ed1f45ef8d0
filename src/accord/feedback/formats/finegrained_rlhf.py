"""Fine-grained feedback on answers to questions (Wu et al. 2023, arXiv 2306.01693): `train_feedback.json` and its like.

    question, passages              the prompt: the question and what answers are to rest on, [title, sentence, ...]
    prediction 1 ... prediction 4   four answers of one model
    preference                      1 with 2, 1 with 3, ... 3 with 4: 0 neither, 1 the first, 2 the second
    feedback.errors                 spans of prediction 1 by character; an explanation becomes the span's note
    feedback.missing-info           what prediction 1 lacks: sentences of a passage, each named by a critique
    feedback.corrected-prediction   prediction 1 as an evaluator would have it; empty where nothing of it was to stay

`gold` is an answer of the data set that the questions are from (ASQA), no feedback, and is not read. The data does not
say who judged, nor in which order answers were shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.inner_rows import inner_row, inner_rows
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Completion, Correction, Critique, Message, Prompt, Record, Span, Spans

__all__ = ["FORMAT", "read"]

ANSWERS = tuple(f"prediction {number}" for number in range(1, 5))
PAIRS = tuple(combinations(range(4), 2))


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one question. Raises `RecordError` that names row and field."""
    (row,) = unit
    prompt = reading.prompt([Message(role="user", content=_asked(row))])
    answers = [reading.completion(prompt, Answer(row.text(name))) for name in ANSWERS]
    yield from (prompt, *answers)
    yield from _preferences(row, reading, prompt, answers)
    yield from _remarks(row, inner_row(row, "feedback"), reading, prompt, answers[0])


def _asked(row: SourceRow) -> str:
    """The question, and below it the passages under their titles."""
    passages = [" ".join(passage[1:]).strip() for passage in _passages(row)]
    titles = [passage[0] for passage in _passages(row)]
    texts = (f"{title}: {passage}" for title, passage in zip(titles, passages, strict=True))
    return "\n\n".join([row.text("question"), *texts])


def _passages(row: SourceRow) -> list[list[str]]:
    passages = row.items("passages")
    for number, passage in enumerate(passages):
        if not isinstance(passage, list) or not passage or not all(isinstance(text, str) for text in passage):
            raise row.bad(f"passages.{number}", f"expected a title and sentences, not {passage!r:.60}")
    return passages


def _preferences(row: SourceRow, reading: Reading, prompt: Prompt, answers: Sequence[Completion]) -> Iterator[Record]:
    codes = row.items("preference")
    if len(codes) != len(PAIRS):
        raise row.bad("preference", f"expected {len(PAIRS)} comparisons, not {len(codes)}")
    for number, (code, places) in enumerate(zip(codes, PAIRS, strict=True)):
        if type(code) is not int or code not in (0, 1, 2):
            raise row.bad(f"preference.{number}", f"{code!r} is not one of 0, 1, 2")
        first, second = (answers[place] for place in places)
        better, worse = (second, first) if code == 2 else (first, second)
        yield from reading.preferred(row, prompt, better, worse, tie=code == 0)


def _remarks(
    row: SourceRow, feedback: SourceRow, reading: Reading, prompt: Prompt, answer: Completion
) -> Iterator[Record]:
    """What was said of the first answer: its spans (none is an answer), what it lacks, how it should read."""
    spans = Spans(spans=tuple(_span(error, answer) for error in inner_rows(feedback, "errors")))
    yield from reading.judged(row, prompt, (answer,), spans)
    for missing in inner_rows(feedback, "missing-info"):
        yield from reading.judged(row, prompt, (answer,), Critique(text=_missing(row, missing)))
    if corrected := feedback.text("corrected-prediction"):
        yield from reading.judged(row, prompt, (answer,), Correction(text=corrected))


def _span(error: SourceRow, answer: Completion) -> Span:
    start, end = error.whole("start"), error.whole("end")
    if not 0 <= start < end <= len(answer.text):
        raise error.bad("end", f"[{start}, {end}) is no stretch of the {len(answer.text)} characters of {ANSWERS[0]}")
    note = error.text("explanation") if error.has("explanation") else None
    return Span(start=start, end=end, type=error.name("error type"), note=note)


def _missing(row: SourceRow, missing: SourceRow) -> str:
    """What is missing, of which type, and where it stands."""
    passages, number = _passages(row), missing.whole("passage_id")
    if not 1 <= number <= len(passages):
        raise missing.bad("passage_id", f"{number}, but there are {len(passages)} passages")
    passage, places = passages[number - 1], missing.items("sentence_id")
    for place in places:
        if type(place) is not int or not 0 <= place < len(passage):
            raise missing.bad("sentence_id", f"{place!r}, but the passage has {len(passage) - 1} sentences")
    where = f"passage {number}, sentence {', '.join(map(str, places))}"
    return f"{missing.name('error type')} ({where}): {' '.join(passage[place] for place in places).strip()}"


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fields = {"question", "passages", "feedback", "preference", *ANSWERS}
    return "four predictions with feedback and preference" if all(fields <= row.keys() for row in rows) else None


FORMAT = Format(
    "finegrained_rlhf",
    "spans, missing information, corrections and preferences on answers to questions (Wu et al. 2023)",
    frozenset({"comparison", "spans", "critique", "correction"}),
    columns=frozenset({"question", "passages", "preference", "feedback", *ANSWERS}),
    recognises=_recognises,
    read=read,
)
