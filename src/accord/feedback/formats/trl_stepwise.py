"""TRL's stepwise supervision: `prompt`, `completions` (the steps of one answer) and `labels` (whether each is right).

Nobody says who judged. Written are verdicts up to the last step that was judged right or wrong; steps behind it, and
answers with another step that somebody was unsure of, have no place here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import content_of
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.step_texts import joined_steps, steps_of
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Message, Prompt, Record, Steps

__all__ = ["FORMAT", "read", "write"]

NAME = "trl_stepwise"
COLUMNS = frozenset({"prompt", "completions", "labels"})


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt_content = content_of(row, "prompt")
    prompt = reading.prompt(
        [Message(role="user", content=prompt_content)] if isinstance(prompt_content, str) else prompt_content
    )
    steps, labels = row.items("completions"), row.items("labels")
    if len(steps) != len(labels):
        raise row.bad("labels", f"{len(labels)}, but there are {len(steps)} completions")
    for number, label in enumerate(labels):
        if not isinstance(label, bool | int | float) or label not in (0, 1):
            raise row.bad(f"labels.{number}", f"expected true or false, not {label!r:.60}")
    answer, starts = joined_steps(row, "completions", steps)
    completion = reading.completion(prompt, answer, step_starts=starts)
    judgement = Steps(verdicts=tuple("right" if label else "wrong" for label in labels))
    yield from reading.judged(row, prompt, (completion,), judgement)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row an answer."""
    for item in outgoing.judged():
        steps = _judged_steps(item, outgoing)
        if steps:
            yield {
                "prompt": _prompt(item.prompt),
                "completions": [text for text, _ in steps],
                "labels": [verdict == "right" for _, verdict in steps],
                **common_columns(item, outgoing, NAME),
            }


def _prompt(prompt: Prompt) -> str | list[dict[str, Any]]:
    (first, *rest) = prompt.messages
    return first.content if not rest and first.role == "user" and first.plain else dicts_of(prompt.messages)


def _judged_steps(item: JudgedItem, outgoing: Outgoing) -> list[tuple[str, str]]:
    """The steps and their verdicts, as far as they were judged right or wrong; what is left out is counted."""
    judgement, texts = item.feedback.judgement, steps_of(item.completions[0])
    assert isinstance(judgement, Steps)
    if texts is None or len(texts) != len(judgement.verdicts):
        outgoing.lose("verdicts on what has no steps")
        return []
    steps: list[tuple[str, str]] = list(zip(texts, judgement.verdicts, strict=True))
    while steps and steps[-1][1] == "unsure":
        steps.pop()
    if any(verdict == "unsure" for _, verdict in steps) or not steps:
        outgoing.lose("answers with steps that somebody was unsure of")
        return []
    if len(steps) < len(texts):
        outgoing.lose("steps that nobody judged", len(texts) - len(steps))
    return steps


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all(row.keys() >= COLUMNS for row in rows)
    return "columns prompt, completions and labels" if fits else None


FORMAT = Format(
    NAME,
    "answers in steps, each right or wrong, with the columns prompt, completions, labels",
    frozenset({"steps"}),
    columns=COLUMNS,
    recognises=_recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS | {"system", "tool calls", "attachments", "names in messages", "step starts"},
)
