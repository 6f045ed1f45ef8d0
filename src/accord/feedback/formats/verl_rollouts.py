"""Rollouts that verl's trainers write down: `input`, `output`, `gts`, `score`, `step`, one answer a line.

    input    the prompt as the model read it, chat template and all: one text
    output   the answer
    score    a rating, by whatever rewarded the run: an evaluator of kind "rule", which is concluded. The file does not
             say on which scale, so that has to be stated
    step     the round

`gts`, the reference that answers are compared with, is not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.scales import stated_scale
from accord.feedback.formats.written_columns import common_columns, single_text
from accord.records import Evaluator, Message, Rating, Record

__all__ = ["FORMAT", "read", "write"]

NAME = "verl_rollouts"
REWARD = "reward"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt = reading.prompt([Message(role="user", content=row.text("input"))])
    completion = reading.completion(prompt, Answer(row.text("output")))
    scale = stated_scale(row, reading, "score")
    program = Evaluator(kind="rule", pseudonym=REWARD, pool=reading.source, inferred=True)
    beside = {"round": row.whole("step")} if row.has("step") else {}
    score = row.number("score")
    yield from reading.rated(row, prompt, completion, score, scale, column="score", evaluator=program, **beside)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row a rating."""
    for item in outgoing.judged():
        text = single_text(item.prompt, item.completions, outgoing)
        if text is None:
            continue
        assert isinstance(item.feedback.judgement, Rating)
        outgoing.lose("scale")
        row: dict[str, Any] = {"input": text, "output": item.completions[0].text, "gts": None}
        row |= {"score": item.feedback.judgement.value, "step": item.feedback.round}
        named = item.evaluator.pseudonym != REWARD
        yield row | (common_columns(item, outgoing, NAME) if named else {})


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all({"input", "output", "gts", "score", "step"} <= row.keys() for row in rows)
    return "columns input, output, gts, score and step" if fits else None


FORMAT = Format(
    NAME,
    "scored answers with the columns input, output, gts, score, step (verl's rollouts)",
    frozenset({"rating"}),
    columns=frozenset({"input", "output", "gts", "score", "step"}),
    recognises=_recognises,
    read=read,
    write=write,
    keeps=frozenset({"evaluator", "time", "seconds", "session", "round"}),
)
