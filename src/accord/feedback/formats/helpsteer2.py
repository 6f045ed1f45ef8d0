"""HelpSteer and HelpSteer2 (Wang et al. 2024, arXiv 2406.08673): answers rated from 0 to 4 for five attributes.

    prompt, response                            texts; further turns of a prompt behind `<extra_id_1>` markers
    helpfulness, correctness, coherence,        a rating on the scale 0..4 each, of the study `<source>.<attribute>`
    complexity, verbosity                       (`[data] studies` chooses one): two studies never make a pair

The ratings of the published rows are rounded means of several people, whom nobody names: the evaluator is unknown.
Written are rows of one answer with all ratings that one evaluator gave it in one sitting.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.conversations import Answer
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_of, aspect_study
from accord.feedback.formats.turn_markers import marked_messages, marked_text
from accord.feedback.formats.written_columns import KEPT_COLUMNS, common_columns
from accord.records import Rating, Record, Scale

__all__ = ["FORMAT"]

NAME = "helpsteer2"
ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
SCALE = Scale(low=0, high=4, step=1)


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The ratings of one answer. Raises `RecordError` that names row and column."""
    (row,) = unit
    prompt = reading.prompt(marked_messages(row.text("prompt")))
    completion = reading.completion(prompt, Answer(row.text("response")))
    attributes = [attribute for attribute in ATTRIBUTES if row.has(attribute)]
    if not attributes:
        raise row.bad(ATTRIBUTES[0], "missing, as are all other attributes")
    for attribute in attributes:
        value = row.whole(attribute)
        study = aspect_study(row, reading, attribute)
        yield from reading.rated(row, prompt, completion, value, SCALE, column=attribute, study=study)


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """Rows of one answer each."""
    for prompt, items in outgoing.by_prompt():
        text = marked_text(prompt.messages)
        if text is None:
            outgoing.lose("prompts that are no plain turns", len(items))
            continue
        written: list[tuple[object, dict[str, Any]]] = []
        for item in items:
            if attribute := _attribute(item, outgoing):
                columns = common_columns(item, outgoing, NAME, study=aspect_of(item.feedback)[0])
                row = {"prompt": text, "response": item.completions[0].text}
                _set_rating(written, (item.completions[0].id, columns), row | columns, attribute, item)
        yield from (row for _, row in written)


def _attribute(item: JudgedItem, outgoing: Outgoing) -> str | None:
    """Which attribute was rated; None, and counted as lost, where it is another one or on another scale."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Rating)
    attribute = aspect_of(item.feedback)[1]
    if attribute not in ATTRIBUTES or judgement.scale != SCALE or judgement.value != int(judgement.value):
        outgoing.lose("ratings that are none of its attributes")
        return None
    if item.completions[0].turns is not None:
        outgoing.lose("answers of several messages")
        return None
    return attribute


def _set_rating(
    written: list[tuple[object, dict[str, Any]]], key: object, row: dict[str, Any], attribute: str, item: JudgedItem
) -> None:
    """Put a rating into the first row of its answer and evaluator without this attribute, or into a new one."""
    assert isinstance(item.feedback.judgement, Rating)
    open_row = next((there for name, there in written if name == key and attribute not in there), None)
    if open_row is None:
        open_row = row
        written.append((key, open_row))
    open_row[attribute] = int(item.feedback.judgement.value)


def recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Columns prompt, response and one of the attributes."""
    columns = set(rows[0])
    if {"prompt", "response", "helpfulness"} <= columns:
        return "columns prompt, response and helpfulness"
    return None


FORMAT = Format(
    NAME,
    "answers rated from 0 to 4 for helpfulness, correctness, coherence, complexity and verbosity",
    frozenset({"rating"}),
    columns=frozenset({"prompt", "response", *ATTRIBUTES}),
    recognises=recognises,
    read=read,
    write=write,
    keeps=KEPT_COLUMNS,
)
