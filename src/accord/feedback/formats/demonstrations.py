"""Demonstrations in the files of others: what somebody would answer, as one text."""

from collections.abc import Iterator

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.outgoing import JudgedItem
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Demonstration, Prompt, Record

__all__ = ["demonstrated", "demonstration_text"]


def demonstrated(row: SourceRow, reading: Reading, prompt: Prompt, answer: Answer, column: str) -> Iterator[Record]:
    """The records of one demonstration. Raises `RecordError` where it is empty or no single text."""
    if answer.turns is not None:
        raise row.bad(column, "a demonstration is one text of the assistant, not several messages or calls of tools")
    if not answer.text:
        raise row.bad(column, "empty, so it demonstrates nothing")
    yield from reading.judged(row, prompt, (), Demonstration(text=answer.text))


def demonstration_text(item: JudgedItem) -> str:
    """The text of a demonstration to write."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Demonstration)
    return judgement.text
