"""Label Studio's export (JSON): tasks with their `data`, what people said of them, and what models predicted.

    data                      the fields of an item, by the names in `annotation_items`
    annotations[]             completed_by (an e-mail address is kept as its digest), created_at, lead_time (seconds),
                              was_cancelled (declined), ground_truth (the gold answer of the others), result[]
    predictions[]             model_version, created_at, result[]
    result[]                  {from_name: the question, type, value}
      pairwise                a comparison, in the order shown
      choices                 labels, or one of two answers
      rating, number          a rating, on a scale that has to be stated
      ranker                  a ranking; of buckets, a label for each answer
      labels                  spans of a text
      textarea                a text: a correction, critique or demonstration by the question's name

Other types are refused by name. The labelling interface is not in the export, so neither are scales nor options. For
the options stands what the user states (`--options`), or else what anybody chose for the task; `scale` and `options`
within a value are accord's own. A remark that is not about one
answer has no place: such are counted as not read.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from accord.feedback.formats.annotation_answers import JudgedAbout, Question, beside, offered
from accord.feedback.formats.annotation_items import ANSWER_COLUMNS, PROMPT_COLUMNS, AnnotatedItem, item_of
from accord.feedback.formats.inner_rows import inner_row, inner_rows
from accord.feedback.formats.label_studio_writing import NAME, write
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.registry import Format
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.studies import aspect_study
from accord.feedback.provenance import shown_digest, unknown_model
from accord.records import Comparison, Declined, Evaluator, Judgement, Record

__all__ = ["FORMAT", "read"]

TYPES = ("pairwise", "choices", "rating", "number", "labels", "textarea", "ranker")


def read(unit: Sequence[SourceRow], reading: Reading) -> Iterator[Record]:
    """The records of one task. Raises `RecordError` that names row and field."""
    (row,) = unit
    item = item_of(inner_row(row, "data") if row.has("data") else row, reading)
    yield from item.records()
    annotations = inner_rows(row, "annotations") if row.has("annotations") else []
    predictions = inner_rows(row, "predictions") if row.has("predictions") else []
    options = _options([*annotations, *predictions], reading)
    gold: dict[str, JudgedAbout] = {}
    for annotation in annotations:
        if _is(annotation, "ground_truth") and not _is(annotation, "was_cancelled"):
            for name, said in _answers(annotation, item, reading, options):
                gold.setdefault(name, said)
    for annotation in annotations:
        yield from _annotated(row, annotation, item, reading, options, gold)
    for prediction in predictions:
        has_model = prediction.has("model_version")
        model = reading.model(prediction.name("model_version")) if has_model else unknown_model(reading.source)
        for name, said in _answers(prediction, item, reading, options):
            yield from _judged(row, prediction, item, reading, name, said, model, None)


def _annotated(
    row: SourceRow,
    annotation: SourceRow,
    item: AnnotatedItem,
    reading: Reading,
    options: Mapping[str, tuple[str, ...]],
    gold: Mapping[str, JudgedAbout],
) -> Iterator[Record]:
    evaluator = _who(annotation, reading)
    if _is(annotation, "was_cancelled"):
        alone, fields = beside(row, evaluator, reading), _beside(annotation)
        about = tuple(item.answers.values())
        yield from reading.judged(alone, item.prompt, about, Declined(), evaluator=evaluator, **fields)
        return
    for name, judgement in _answers(annotation, item, reading, options):
        right = None if _is(annotation, "ground_truth") else gold.get(name)
        known = right[0] if right is not None and right[1] == judgement[1] else None
        yield from _judged(row, annotation, item, reading, name, judgement, evaluator, known)


def _is(annotation: SourceRow, column: str) -> bool:
    return annotation.has(column) and annotation.truth(column)


def _judged(
    row: SourceRow,
    annotation: SourceRow,
    item: AnnotatedItem,
    reading: Reading,
    name: str,
    said: JudgedAbout,
    who: Evaluator,
    gold: Judgement | None,
) -> Iterator[Record]:
    judgement, about = said
    fields = _beside(annotation) | {"study": aspect_study(row, reading, name), "gold": gold}
    if isinstance(judgement, Comparison):
        fields["shown_digest"] = shown_digest(item.prompt, about)
    yield from reading.judged(beside(row, who, reading), item.prompt, about, judgement, evaluator=who, **fields)


def _who(annotation: SourceRow, reading: Reading) -> Evaluator:
    """Who annotated, by number; names and addresses are not kept."""
    if not annotation.has("completed_by"):
        return reading.unknown
    if isinstance(annotation.value("completed_by"), Mapping):
        annotation = inner_row(annotation, "completed_by")
        name = annotation.name("id" if annotation.has("id") else "email")
    else:
        name = annotation.name("completed_by")
    return reading.person(hashlib.sha256(name.encode()).hexdigest()[:16] if "@" in name else name)


def _beside(annotation: SourceRow) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if annotation.has("created_at"):
        fields["time"] = annotation.time("created_at")
    if annotation.has("lead_time"):
        fields["seconds"] = annotation.number("lead_time")
    return fields


def _results(annotation: SourceRow) -> list[SourceRow]:
    return inner_rows(annotation, "result") if annotation.has("result") else []


def _options(annotations: Sequence[SourceRow], reading: Reading) -> dict[str, tuple[str, ...]]:
    """What is known to have been offered by each question: what is stated, else what anybody chose for the task."""
    chosen: dict[str, list[object]] = {}
    options_of: dict[str, tuple[str, ...]] = {}
    for result in (result for annotation in annotations for result in _results(annotation)):
        if result.has("from_name") and result.has("value"):
            value = inner_row(result, "value")
            if value.has("options"):
                options_of[result.name("from_name")] = tuple(map(str, value.items("options")))
            if value.has("choices"):
                chosen.setdefault(result.name("from_name"), []).append(value.items("choices"))
    return {name: offered(values, reading) for name, values in chosen.items()} | options_of


def _answers(
    annotation: SourceRow, item: AnnotatedItem, reading: Reading, options: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, JudgedAbout]]:
    """What an annotation says, with the question's name each; marks of one question and answer are taken together."""
    results = [(_key(result), result) for result in _results(annotation)]
    order = {key: place for place, (key, _) in reversed(list(enumerate(results)))}
    results.sort(key=lambda pair: order[pair[0]])
    for (name, kind, subject), group in groupby(results, key=lambda pair: pair[0]):
        listed = [result for _, result in group]
        if kind == "labels":
            question = Question(name, listed[0], "value", item, reading, about=subject)
            yield name, question.spans([mark for result in listed for mark in _marks(result)])
            continue
        for result in listed:
            value = inner_row(result, "value")
            question = Question(name, value, kind, item, reading, options.get(name, ()), subject)
            yield from ((name, said) for said in _said(question, kind))


def _key(result: SourceRow) -> tuple[str, str, str]:
    kind = result.text("type")
    if kind not in TYPES:
        raise result.bad("type", f"{kind!r} is not read; what is: {', '.join(TYPES)}")
    return result.name("from_name"), kind, result.name("to_name") if result.has("to_name") else ""


def _marks(result: SourceRow) -> list[SourceRow]:
    """One mark for each label of a stretch."""
    value = inner_row(result, "value")
    return [SourceRow(value.place, {**value.content, "label": label}) for label in value.items("labels")]


def _said(question: Question, kind: str) -> Iterator[JudgedAbout]:
    value = question.row
    match kind:
        case "pairwise":
            side = value.text("selected")
            number = len(question.item.answers)
            if side not in ("left", "right") or number != 2:
                raise value.bad("selected", f"{side!r} of {number} answers; expected left or right of two")
            yield question.pair(side)
        case "choices":
            yield question.choice(value.items("choices"))
        case "rating" | "number":
            yield question.rating(value.number(kind), question.scale_in(value, "scale"))
        case "textarea":
            yield from (said for text in _texts(value) if (said := question.text(text)))
        case _:
            yield from _ranked(question, value)


def _texts(value: SourceRow) -> list[Any]:
    return [value.text("text")] if isinstance(value.value("text"), str) else value.items("text")


def _ranked(question: Question, value: SourceRow) -> Iterator[JudgedAbout]:
    """A ranking; of buckets, which of them each answer was put into."""
    ranker = value.structure("ranker")
    if isinstance(ranker, list):
        yield question.ranking([[name] for name in ranker])
        return
    lists = SourceRow(value.place, value.mapping("ranker"))
    buckets = {name: lists.items(name) for name in lists.content if name != "_"}
    if len(buckets) == 1 and "_" not in lists.content:
        yield question.ranking([[name] for name in next(iter(buckets.values()))])
        return
    for bucket, names in buckets.items():
        for name in names:
            if (answer := question.item.answer(name)) is None:
                raise value.bad("ranker", f"{name!r:.60} is none of the answers: {', '.join(question.item.answers)}")
            alone = AnnotatedItem(question.row, question.item.prompt, {str(name): answer})
            yield Question(question.name, value, "ranker", alone, question.reading, tuple(buckets)).choice([bucket])


def _recognises(rows: Sequence[Mapping[str, Any]]) -> str | None:
    fits = all(isinstance(row.get("annotations"), list) or isinstance(row.get("predictions"), list) for row in rows)
    return "tasks with annotations or predictions" if fits else None


FORMAT = Format(
    NAME,
    "tasks with annotations and predictions (Label Studio, JSON)",
    frozenset(
        {"comparison", "ranking", "rating", "label", "spans", "correction", "critique", "demonstration", "declined"}
    ),
    columns=PROMPT_COLUMNS | ANSWER_COLUMNS | {"data", "annotations", "predictions", "created_at", "updated_at"},
    recognises=_recognises,
    read=read,
    write=write,
    keeps=frozenset(
        {"evaluator", "time", "seconds", "gold answer", "shown order"}
        | {"system", "tool calls", "attachments", "names in messages"}
    ),
    not_common=frozenset({"strength"}),
)
