"""Answers that are written in steps: one text, and where each step of it begins."""

from collections.abc import Sequence
from typing import Any, Literal

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.rows import SourceRow
from accord.records import Completion

__all__ = ["Verdict", "joined_steps", "steps_of"]

Verdict = Literal["right", "wrong", "unsure"]

BETWEEN = "\n"


def joined_steps(row: SourceRow, column: str, steps: Sequence[object]) -> tuple[Answer, tuple[int, ...]]:
    """The text of these steps, a line end between two, and the places at which they begin.

    Raises `RecordError` that names the step that is no text, or blank.
    """
    if not steps:
        raise row.bad(column, "expected at least one step")
    starts, text = [], ""
    for number, step in enumerate(steps):
        if not isinstance(step, str) or not step.strip():
            raise row.bad(f"{column}.{number}", f"expected the text of a step, not {step!r:.60}")
        text += BETWEEN if text else ""
        starts.append(len(text))
        text += step
    return Answer(text), tuple(starts)


def steps_of(completion: Completion) -> list[str] | None:
    """The texts of the steps of a completion; None where it does not say where they begin."""
    if completion.step_starts is None:
        return None
    ends: list[Any] = [*completion.step_starts[1:], None]
    texts = [completion.text[start:end] for start, end in zip(completion.step_starts, ends, strict=True)]
    return [*(text.removesuffix(BETWEEN) for text in texts[:-1]), texts[-1]]
