"""Files of prompts that nobody has judged yet."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from accord.errors import RecordError, StorageError
from accord.feedback.formats.lines import Row, lines
from accord.feedback.formats.source import open_feedback
from accord.records import Message, Prompt, parse

__all__ = ["read_prompts"]


class _PromptRow(Row):
    """A prompt as a text (`prompt`) or as messages, as in `data/prompts.jsonl` of a run."""

    prompt: str | None = None
    messages: Annotated[tuple[Message, ...], Field(min_length=1)] | None = None
    source: Annotated[str, Field(min_length=1)] | None = None
    mode: Literal["text", "knowledge", "creative"] | None = None
    id: str | None = None
    split: str | None = None


def read_prompts(path: Path | str) -> list[Prompt]:
    """The prompts of a file: one JSON object a line, or any format that `accord import` reads.

        {"prompt": "Write a review.", "source": "web"}
        {"messages": [{"role": "user", "content": "Write a review."}]}

    Raises `RecordError` that names line and field where one is malformed or the file holds none, `LedgerError` where no
    format recognises the file, `StorageError` where it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise StorageError(f"{path}: no such file")
    if _is_of_lines(path):
        prompts = [_prompt(place, parse(_PromptRow, line, place=place)) for place, line in lines(path)]
    else:
        prompts = [record for record in open_feedback(path).records() if isinstance(record, Prompt)]
    if not prompts:
        raise RecordError("holds no prompt; write one JSON object a line", place=path.name)
    return list({prompt.id: prompt for prompt in prompts}.values())


def _is_of_lines(path: Path) -> bool:
    """Whether its first line is a prompt of its own, or an object of which only a prompt's columns are known."""
    first = next((line for _, line in lines(path)), None)
    if first is None:
        raise RecordError("is empty; write one JSON object a line", place=path.name)
    try:
        row = parse(_PromptRow, first, place=path.name)
    except RecordError:
        return False
    return row.messages is not None or row.prompt is not None


def _prompt(place: str, row: _PromptRow) -> Prompt:
    if (row.prompt is None) == (row.messages is None):
        raise RecordError("expected a text (`prompt`) or messages, one of the two", place=place)
    if row.prompt is not None and not row.prompt.strip():
        raise RecordError("is empty; write what is asked", place=f"{place} prompt")
    messages = row.messages or (Message(role="user", content=row.prompt or ""),)
    return Prompt(messages=messages, source=row.source, mode=row.mode)
