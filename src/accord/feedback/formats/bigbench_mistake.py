"""Traces of reasoning with the place of their first mistake (Tyen et al. 2024, BIG-Bench Mistake, arXiv 2311.08516).

    input           the prompt
    steps           the answer; a blank one is part of the step before it
    mistake_index   the first wrong step, from 0; null where there is none

What follows the first mistake was not judged: unsure. People labelled four of the five tasks, and the file gives what
they agreed on; the traces of Dyck languages (whose inputs are brackets alone) were labelled by a program for the most
part, which is concluded from the paper. So are the writer of all traces, PaLM 2-L (Unicorn), and who judged. `target`
and `answer` are not read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.step_texts import joined_steps
from accord.records import Evaluator, Message, Record, Steps

__all__ = ["FORMAT", "read"]

WRITER = "PaLM 2-L (Unicorn)"
BRACKETS = re.compile(r"[\[\](){}<>\s]+")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one trace. Raises `RecordError` that names row and field."""
    (row,) = unit
    question = row.text("input")
    prompt = reading.prompt([Message(role="user", content=question)])
    steps, mistake = _without_blank(row)
    answer, starts = joined_steps(row, "steps", steps)
    completion = reading.completion(prompt, answer, writer=WRITER, step_starts=starts)
    places = range(len(steps))
    if mistake is None:
        judgement = Steps(verdicts=tuple("right" for _ in places))
    else:
        judgement = Steps(
            verdicts=tuple(
                "right" if place < mistake else "wrong" if place == mistake else "unsure" for place in places
            )
        )
    program = Evaluator(kind="rule", pseudonym="dyck-languages", pool=reading.source, inferred=True)
    evaluator = program if BRACKETS.fullmatch(question) else reading.unknown
    yield from reading.judged(row, prompt, (completion,), judgement, evaluator=evaluator)


def _without_blank(row: SourceRow) -> tuple[list[object], int | None]:
    """The steps that are not blank, and the place of the first wrong one among them."""
    steps = row.items("steps")
    mistake = row.whole("mistake_index") if row.has("mistake_index") else None
    if mistake is not None and not 0 <= mistake < len(steps):
        raise row.bad("mistake_index", f"{mistake}, but there are {len(steps)} steps")
    blank = [place for place, step in enumerate(steps) if isinstance(step, str) and not step.strip()]
    if mistake in blank:
        raise row.bad("mistake_index", f"step {mistake} is blank")
    steps_left = [step for place, step in enumerate(steps) if place not in blank]
    return steps_left, None if mistake is None else mistake - sum(place < mistake for place in blank)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all({"input", "steps", "mistake_index"} <= row.keys() for row in rows)
    return "steps with a mistake_index" if fits else None


FORMAT = Format(
    "bigbench_mistake",
    "traces of reasoning with their first wrong step (BIG-Bench Mistake)",
    frozenset({"steps"}),
    columns=frozenset({"input", "steps", "mistake_index", "answer"}),
    recognises=_recognises,
    read=read,
)
