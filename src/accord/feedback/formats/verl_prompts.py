"""Prompts for verl's trainers: `data_source`, `prompt` (a list of messages), `ability`, `reward_model`, `extra_info`.

They enter as prompts alone, under the name of their `data_source`. What a program is to compare answers with
(`reward_model.ground_truth`) is no feedback on an answer, and is not read. Written is every prompt of a ledger, or of a
split of a run: `ability` is the prompt's mode, `reward_model.ground_truth` is empty, and `extra_info` holds the prompt
as `{"messages": [...]}`, its id, its split and its place in the file. verl hands `extra_info` to its reward function,
which is not told the prompt in any other way. Write a name that ends in .parquet.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.answer_pairs import content_of
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import Outgoing
from accord.feedback.formats.prompt_text import prompt_to_text
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Message, Prompt, Record

__all__ = ["FORMAT", "PROMPT_KEY", "prompts_and_nothing_else", "read", "write"]

NAME = "verl_prompts"
PROMPT_KEY = "accord_prompt"
"""Under what `extra_info` holds the prompt."""


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The prompt of a row. Raises `RecordError` that names row and column."""
    (row,) = unit
    content = content_of(row, "prompt")
    messages = (Message(role="user", content=content),) if isinstance(content, str) else content
    if not messages:
        raise row.bad("prompt", "expected at least one message")
    yield Prompt(messages=messages, source=row.name("data_source"))


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row a prompt. All rows have the same fields, as tables of Arrow want it."""
    split = "train" if outgoing.origins is None or outgoing.origins.split is None else outgoing.origins.split
    for index, prompt in enumerate(prompts_and_nothing_else(outgoing)):
        about = {"index": index, "split": split, "prompt_id": prompt.id, PROMPT_KEY: prompt_to_text(prompt)}
        yield {
            "data_source": prompt.source or NAME,
            "prompt": dicts_of(prompt.messages),
            "ability": prompt.mode or "text",
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": about,
        }


def prompts_and_nothing_else(outgoing: Outgoing) -> Iterator[Prompt]:
    """Every prompt of a ledger; what was said about them is counted as lost."""
    deque(outgoing.judged(), maxlen=0)
    for prompt in outgoing.prompts():
        if prompt.mode is not None:
            outgoing.lose("mode")
        yield prompt


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    return "columns data_source and prompt" if all({"data_source", "prompt"} <= row.keys() for row in rows) else None


FORMAT = Format(
    NAME,
    "prompts with the columns data_source, prompt, reward_model (verl)",
    frozenset(),
    columns=frozenset({"data_source", "prompt"}),
    recognises=_recognises,
    read=read,
    write=write,
)
