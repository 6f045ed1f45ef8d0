"""Graded solutions of problems (Cobbe et al. 2021, GSM8K, arXiv 2110.14168): `example_model_solutions.jsonl`.

    question                              the prompt
    6b_finetuning, 175b_verification ...  {solution, is_correct}: what the model of this name wrote, and whether its
                                          last number is that of the reference

A program compared the numbers: an evaluator of kind "rule", whose ratings are 0 (wrong) or 1 (correct). `ground_truth`,
the reference, is not read.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.inner_rows import inner_row
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Evaluator, Message, Record, Scale

__all__ = ["FORMAT", "read"]

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
SCALE = Scale(low=0.0, high=1.0, step=1.0, low_label="wrong", high_label="correct")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one problem. Raises `RecordError` that names row and field."""
    (row,) = unit
    prompt = reading.prompt([Message(role="user", content=row.text("question"))])
    program = Evaluator(kind="rule", pseudonym="same-final-number", pool=reading.source)
    for model in MODELS:
        graded = inner_row(row, model)
        completion = reading.completion(prompt, Answer(graded.text("solution")), writer=model)
        value = 1.0 if graded.truth("is_correct") else 0.0
        yield from reading.rated(row, prompt, completion, value, SCALE, column=model, evaluator=program)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all({"question", *MODELS} <= row.keys() for row in rows)
    return "solutions of four models with is_correct" if fits else None


FORMAT = Format(
    "gsm8k",
    "solutions of four models, each correct or not (GSM8K)",
    frozenset({"rating"}),
    columns=frozenset({"question", *MODELS}),
    recognises=_recognises,
    read=read,
)
