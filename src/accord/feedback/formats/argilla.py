"""Argilla 2's flat records: the fields of an item, and for each question Q what people answered.

    fields                   the prompt and the answers, by the names in `annotation_items`
    Q.responses[]            what each user answered
    Q.responses.users[]      who that is
    Q.responses.status[]     what is not "submitted" (drafts, what was discarded) is not read
    Q.suggestion, .agent     what a model answered, and which

A number is a rating, on a scale that has to be stated, for the file does not have it. Names are labels, or, where they
are those of the answers, a comparison or a ranking (a list of them, or of {value, rank}). {label, start, end} are
spans. Which labels were offered is not in the file either: what the user states (`--options`), or else what anybody
chose for the item, stands for it. What is none of the labels that are stated, and long or of several lines, is a text:
a correction, a critique or a demonstration by the words of the question's name. Short texts are read where the question
is called just that (`critique.responses`), and refused where another name (`feedback`, `note_1`) leaves open whether
they are labels. Q is the study `<source>.<Q>`. `Q.scale`, `Q.options` and `Q.type` ("text") are columns of accord's
own, which say what Argilla's leave out. A remark that is not about one answer has no place: such are counted as not
read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.feedback.formats.annotation_answers import JudgedAbout, Question, beside, offered, text_kind
from accord.feedback.formats.annotation_items import ANSWER_COLUMNS, PROMPT_COLUMNS, item_of, plain_name
from accord.feedback.formats.inner_rows import inner_rows
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_study
from accord.feedback.formats.written_items import WrittenItem, items_of, question_name
from accord.feedback.provenance import unknown_model
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Demonstration,
    Evaluator,
    Judgement,
    Label,
    Ranking,
    Rating,
    Record,
    Spans,
)

__all__ = ["FORMAT", "read", "write"]

NAME = "argilla"
LISTED = (".responses", ".responses.users", ".responses.status")
STATED = (".scale", ".options", ".type")
LONG = 60  # characters: what is longer, or has several lines, is no label


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one item. Raises `RecordError` that names row and column."""
    (row,) = unit
    for column in row.content:
        stem, _, end = column.rpartition(".")
        if end in ("users", "status") and stem.endswith(".responses") and stem not in row.content and row.has(column):
            raise row.bad(column, f"there is no {stem} that it belongs to; where that is mapped, map this too")
    item = item_of(_fields(row), reading)
    yield from item.records()
    for name in _questions(row):
        answers = _submitted(row, name, reading)
        suggestion = _suggestion(row, name)
        options = _stated(row, name)
        if not options and text_kind(name) is None:
            options = offered([*(value for value, _ in answers), suggestion], reading)
        options = options or reading.settings.options
        question = Question(name, row, f"{name}.responses", item, reading, options)
        if suggestion is not None:
            answers.append((suggestion, _agent(row, name, reading)))
        for value, evaluator in answers:
            if answer := _judged(question, value):
                judgement, about = answer
                study = aspect_study(row, reading, name)
                yield from reading.judged(
                    beside(row, evaluator, reading), item.prompt, about, judgement, evaluator=evaluator, study=study
                )


def _fields(row: SourceRow) -> SourceRow:
    """The columns that belong to no question."""
    names = _questions(row)
    return SourceRow(
        row.place,
        {name: value for name, value in row.content.items() if not any(name.startswith(f"{each}.") for each in names)},
    )


def _questions(row: SourceRow) -> list[str]:
    ends = (".responses", ".suggestion")
    return list(dict.fromkeys(name.removesuffix(end) for name in row.content for end in ends if name.endswith(end)))


def _submitted(row: SourceRow, name: str, reading: Reading) -> list[tuple[Any, Evaluator]]:
    """What was submitted in answer to a question, and by whom."""
    column = f"{name}.responses"
    values = row.items(column) if row.has(column) else []
    users = row.items(f"{column}.users") if row.has(f"{column}.users") else [None] * len(values)
    status = row.items(f"{column}.status") if row.has(f"{column}.status") else ["submitted"] * len(values)
    for part, listed in (("users", users), ("status", status)):
        if len(listed) != len(values):
            raise row.bad(f"{column}.{part}", f"{len(listed)}, but there are {len(values)} responses")
    people = SourceRow(row.place, {f"{column}.users.{number}": user for number, user in enumerate(users)})
    return [
        (value, reading.person(people.name(user)) if people.has(user) else reading.unknown)
        for value, user, state in zip(values, people.content, status, strict=True)
        if state == "submitted"
    ]


def _suggestion(row: SourceRow, name: str) -> Any:
    """What was suggested, in a file of cells as JSON unless it is a text; None where nothing was."""
    column = f"{name}.suggestion"
    if not row.has(column):
        return None
    return row.value(column) if text_kind(name) else row.structure(column)


def _stated(row: SourceRow, name: str) -> tuple[str, ...]:
    """The labels that the row says were offered."""
    return tuple(map(str, row.items(f"{name}.options"))) if row.has(f"{name}.options") else ()


def _agent(row: SourceRow, name: str, reading: Reading) -> Evaluator:
    column = f"{name}.suggestion.agent"
    return reading.model(row.name(column)) if row.has(column) else unknown_model(reading.source)


def _judged(question: Question, value: Any) -> JudgedAbout | None:
    """A response as a judgement, by its type; None for a remark about several answers at once."""
    if isinstance(value, str):
        return question.text(value) if _is_text(question, value) else question.choice([value])
    if not isinstance(value, list):
        return question.rating(value, question.scale_in(question.row, f"{question.name}.scale"))
    if value and all(isinstance(part, Mapping) for part in value):
        parts = inner_rows(SourceRow(question.row.place, {question.column: value}), question.column)
        return _ranking(question, parts) if all(part.has("rank") for part in parts) else question.spans(parts)
    if len(value) > 1 and all(question.item.answer(part) for part in value):
        return question.ranking([[part] for part in value])
    if not value and not question.options:
        return question.spans([])
    return question.choice(value)


def _is_text(question: Question, value: str) -> bool:
    """Whether this is a text of its own, and not what was chosen. Raises `RecordError` where it may be either."""
    row, name, kind = question.row, question.name, text_kind(question.name)
    if row.has(f"{name}.type"):
        row.choice(f"{name}.type", "text")
        return True
    if question.preferred(value) or value in (_stated(row, name) or question.reading.settings.options):
        return False
    if "\n" in value or len(value) > LONG:
        return True
    if kind is None:
        return False
    if not value.strip() or re.fullmatch(rf"{kind}s?(_?\d+|_[a-z])?", plain_name(name)):
        return True
    end = re.search(r"(_?\d+|_[a-z])?$", plain_name(name))
    text = kind + (end[0] if end else "")
    raise row.bad(
        question.column,
        f"{value!r:.60} may be a label or a {kind}; say which: --options with the labels that were offered, or "
        f"--map {text}.responses={question.column} (and so .users and .status)",
    )


def _ranking(question: Question, parts: list[SourceRow]) -> JudgedAbout:
    ranks = sorted({part.whole("rank") for part in parts})
    return question.ranking([[part.name("value") for part in parts if part.whole("rank") == rank] for rank in ranks])


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A row an item: its fields, and what was answered to each question; more rows where one has no place for it."""
    for item in items_of(outgoing):
        rows: list[dict[str, Any]] = []
        for judged in item.judged:
            if getattr(judged.feedback.judgement, "text", "x").strip() == "":
                outgoing.lose("blank texts")
                continue
            columns = _columns(item, judged, outgoing)
            row = next((row for row in rows if _takes(row, columns)), None)
            if row is None:
                row = {"id": f"{item.number}.{len(rows)}", "status": "completed", **item.fields()}
                rows.append(row)
            for name, value in columns.items():
                row[name] = [*row.get(name, ()), *value] if name.endswith(LISTED) else value
        yield from rows


def _takes(row: Mapping[str, Any], columns: Mapping[str, Any]) -> bool:
    """Whether a row has a place for these columns: lists go on, a suggestion is one, what is stated is the same."""
    return all(
        name.endswith(LISTED) or name not in row or (name.endswith(STATED) and row[name] == value)
        for name, value in columns.items()
    )


def _columns(item: WrittenItem, judged: JudgedItem, outgoing: Outgoing) -> dict[str, Any]:
    """The columns that hold one answer."""
    judgement, who = judged.feedback.judgement, judged.evaluator
    name = question_name(judged.feedback, NAME, outgoing)
    value = _value(item, judgement, outgoing)
    columns: dict[str, Any] = {}
    if isinstance(judgement, Rating):
        columns[f"{name}.scale"] = judgement.scale.model_dump(exclude_none=True)
    if isinstance(judgement, Label):
        columns[f"{name}.options"] = list(judgement.options)
    if isinstance(judgement, Correction | Critique | Demonstration):
        columns[f"{name}.type"] = "text"
    pseudonym = outgoing.pseudonym(who, NAME)
    if who.kind == "model":
        return columns | {f"{name}.suggestion": value, f"{name}.suggestion.agent": pseudonym}
    if who.kind != "person":
        outgoing.lose("that an evaluator is no person")
    said = {".responses": value, ".responses.users": pseudonym, ".responses.status": "submitted"}
    return columns | {f"{name}{end}": [part] for end, part in said.items()}


def _value(item: WrittenItem, judgement: Judgement, outgoing: Outgoing) -> Any:
    """A judgement as Argilla's value of a response."""
    match judgement:
        case Comparison(preferred="tie"):
            return "tie"
        case Comparison(preferred=side):
            return item.names[0 if side == "left" else 1]
        case Rating(value=value):
            return int(value) if value == int(value) else value
        case Label(selected=selected):
            return list(selected)
        case Ranking(tiers=tiers):
            return [{"value": item.names[place], "rank": rank} for rank, tier in enumerate(tiers, 1) for place in tier]
        case Spans(spans=spans):
            marks = [span.model_dump(exclude_none=True) for span in spans]
            return [{"label": mark.pop("type"), **mark} for mark in marks]
        case Critique(text=text, start=start, end=end):
            if start is not None or end is not None:
                outgoing.lose("the stretch that a critique is about")
            return text
        case Correction(text=text) | Demonstration(text=text):
            return text
        case _:
            raise AssertionError(judgement.kind)


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all(any(name.endswith((".responses", ".suggestion")) for name in row) for row in rows)
    return "columns that end in .responses or .suggestion" if fits else None


FORMAT = Format(
    NAME,
    "items with the answers and suggestions to each question (Argilla 2, flat)",
    frozenset({"comparison", "ranking", "rating", "label", "spans", "correction", "critique", "demonstration"}),
    columns=PROMPT_COLUMNS
    | ANSWER_COLUMNS
    | {
        "*.responses",
        "*.responses.users",
        "*.responses.status",
        "*.suggestion",
        "*.suggestion.*",
        "*.scale",
        "*.options",
        "*.type",
    },
    recognises=_recognises,
    read=read,
    write=write,
    keeps=frozenset({"evaluator", "system", "tool calls", "attachments", "names in messages"}),
    not_common=frozenset({"strength"}),
)
