"""The test set of PandaLM (Wang et al. 2023, arXiv 2306.05087): 999 pairs of answers, three people on each.

    instruction, input         the prompt; a blank line between the two where there is an input
    response1, response2       the answers
    cmp_key                    which models wrote them, in this order: "bloom-7b_llama-7b"
    annotator1 ... annotator3  0 neither, 1 the first, 2 the second; a column is one person

The same two texts stand in several rows where other models wrote the same; the writers tell these apart. An answer that
is the bare word True stands in the file as a truth value and is read as that word. The order on the screen is not
known. The instructions are from a set whose authors ask that nothing be trained on it: it is for evaluation.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.records import Message, Record

__all__ = ["FORMAT", "read"]

PEOPLE = ("annotator1", "annotator2", "annotator3")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one pair. Raises `RecordError` that names row and column."""
    (row,) = unit
    text = row.text("instruction") + (f"\n\n{row.text('input')}" if row.has("input") else "")
    prompt = reading.prompt([Message(role="user", content=text)])
    writers = row.text("cmp_key").split("_")
    if len(writers) != 2:
        raise row.bad("cmp_key", f"expected the names of two models with _ between them, not {row.text('cmp_key')!r}")
    first, second = (
        reading.completion(prompt, Answer(_text(row, column)), writer=writer)
        for column, writer in zip(("response1", "response2"), writers, strict=True)
    )
    for column in PEOPLE:
        code = row.value(column)
        if type(code) is not int or code not in (0, 1, 2):
            raise row.bad(column, f"{code!r} is not one of 0, 1, 2")
        better, worse = (second, first) if code == 2 else (first, second)
        yield from reading.preferred(row, prompt, better, worse, tie=code == 0, evaluator=reading.person(column))


def _text(row: SourceRow, column: str) -> str:
    value = row.value(column)
    return str(value) if isinstance(value, bool) else row.text(column)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fields = {"instruction", "response1", "response2", "cmp_key", *PEOPLE}
    return "two responses, cmp_key and three annotators" if all(fields <= row.keys() for row in rows) else None


FORMAT = Format(
    "pandalm",
    "2,997 comparisons by three people (PandaLM test set, for evaluation only)",
    frozenset({"comparison"}),
    columns=frozenset({"instruction", "input", "response1", "response2", "cmp_key", *PEOPLE}),
    recognises=_recognises,
    read=read,
)
