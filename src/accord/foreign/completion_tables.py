"""GRPO's tables of completions in TRL (`log_completions`): a Parquet file a logged step, a row a completion.

    step  prompt  completion  <a column a reward function>  <columns of log_extra>  advantage

Prompts and completions are texts, or lists of messages. A table holds the last batch that was generated, so tables of
steps that learnt from the same batch are alike, and count once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from accord.errors import RecordError, storage
from accord.feedback.formats.containers.tables import parquet_rows
from accord.feedback.formats.conversations import answer_of, messages_of
from accord.feedback.formats.rows import BadRow, SourceRow
from accord.foreign.cells import number_columns, number_in, step_in, texts_of
from accord.records import Message, Prompt

__all__ = ["Completions", "TableRow", "completion_text", "read_tables", "table_files"]

NAME = re.compile(r"completions_(\d{1,18})\.parquet")
NEEDED = ("step", "prompt", "completion")
FIXED = (*NEEDED, "advantage")


@dataclass(frozen=True)
class TableRow:
    """A completion, and its number in each column of numbers; None where a reward function gave none."""

    step: int
    prompt: Prompt
    text: str
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Completions:
    """The rows of all tables, by step. `columns` are those of numbers, in their order.

    repeated    tables that hold what the one before held
    evaluated   tables left out since the run was evaluated at their step: they mix both kinds of completions
    unfinished  the last table, where it is not whole yet
    """

    rows: list[TableRow]
    columns: tuple[str, ...]
    files: list[Path]
    repeated: int = 0
    evaluated: int = 0
    unfinished: bool = False


def table_files(folder: Path) -> list[Path]:
    """The tables of a run, by step."""
    place = folder / "completions"
    with storage(place):
        found = [(NAME.fullmatch(path.name), path) for path in place.iterdir()] if place.is_dir() else []
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if match and path.is_file())]


def read_tables(files: Sequence[Path], evaluated: frozenset[int]) -> Completions:
    """All tables. Raises `RecordError` that names table, row and column where one is malformed.

    The last one may be cut short, as of a run that goes on.
    """
    rows: list[TableRow] = []
    columns: dict[str, None] = {}
    before: list[tuple[object, ...]] = []
    repeated = mixed = 0
    for file in files:
        try:
            contents = list(_contents(file))
        except RecordError:
            if file is files[-1] and not _is_whole(file):
                return Completions(rows, tuple(columns), list(files), repeated, mixed, unfinished=True)
            raise
        names = number_columns((row.content for row in contents), but=FIXED)
        table = [_row(row, names) for row in contents]
        seen: list[tuple[object, ...]] = [(row.prompt.id, row.text, *row.scores.items()) for row in table]
        if any(row.step in evaluated for row in table):
            mixed += 1
        elif seen == before:
            repeated += 1
        else:
            rows += table
            columns |= dict.fromkeys(names)
        before = seen
    return Completions(rows, tuple(columns), list(files), repeated, mixed)


def _contents(file: Path) -> Iterator[SourceRow]:
    for row in parquet_rows(file):
        if isinstance(row, BadRow):
            raise row.problem
        if lacking := [name for name in NEEDED if name not in row.content]:
            problem = f"no column '{lacking[0]}'; its columns are {', '.join(row.content)}"
            raise RecordError(f"{problem}, and GRPO's tables have {', '.join(NEEDED)}", place=file.name)
        yield row


def _row(row: SourceRow, names: Sequence[str]) -> TableRow:
    asked = messages_of(row.value("prompt"), f"{row.place} prompt")
    texts_of((message.content for message in asked), f"{row.place} prompt")
    if not asked:
        raise row.bad("prompt", "empty")
    text = completion_text(row.value("completion"), f"{row.place} completion")
    return TableRow(
        step_in(row, first=1),
        Prompt(messages=asked),
        texts_of([text], f"{row.place} completion")[0],
        {name: number_in(row, name) for name in names},
    )


def completion_text(value: object, place: str) -> str:
    """A completion as a text: of messages, what the assistant says in them."""
    if isinstance(value, str):
        return value
    messages = messages_of(value, place, role="assistant")
    said: list[Message] = [message for message in messages if message.role == "assistant"]
    return answer_of(messages, place).text if any(message.content for message in said) else ""


def _is_whole(file: Path) -> bool:
    """Whether a file ends as Parquet does."""
    with storage(file), file.open("rb") as stream:
        stream.seek(0, 2)
        if stream.tell() < 12:
            return False
        stream.seek(-4, 2)
        return stream.read(4) == b"PAR1"
