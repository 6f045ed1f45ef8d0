"""Rollouts that verl's trainers write down: `input`, `output`, `gts`, `score`, `step`, one answer a line.

    input    the prompt as the model read it, chat template and all: one text
    output   the answer
    score    a rating, by whatever rewarded the run: an evaluator of kind "rule", which is concluded. The file does not
             say on which scale, so that has to be stated
    step     the round

Equal answers of one step are told apart by which of them they are (`occurrence`).
`gts`, the reference that answers are compared with, is not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.scales import stated_scale
from accord.feedback.formats.written_columns import common_columns, single_text
from accord.feedback.provenance import unknown_evaluator
from accord.records import Evaluator, Message, Rating, Record

__all__ = ["FORMAT", "read", "write"]

NAME = "verl_rollouts"


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt = reading.prompt([Message(role="user", content=row.text("input"))])
    completion = reading.completion(prompt, Answer(row.text("output")))
    scale = stated_scale(row, reading, "score")
    beside = {"round": row.whole("step")} if row.has("step") else {}
    score = row.number("score")
    yield from reading.rated(
        row, prompt, completion, score, scale, column="score", evaluator=_program(reading.source), **beside
    )


def _program(pool: str) -> Evaluator:
    """Whatever rewarded the run, which the rows do not name."""
    return Evaluator(kind="rule", pseudonym="reward", pool=pool, inferred=True)


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
        nobody_else = item.evaluator == _program(NAME)
        said_by = replace(item, evaluator=unknown_evaluator(NAME)) if nobody_else else item
        common = common_columns(said_by, outgoing, NAME)
        yield row | {name: value for name, value in common.items() if name != "round"}


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
