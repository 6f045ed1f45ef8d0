"""A ledger as tasks of Label Studio: an annotation for each answer of a person, a prediction for each of a model."""

from collections.abc import Iterator
from typing import Any

from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.feedback.formats.written_items import WrittenItem, items_of, question_name
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Feedback,
    Label,
    Ranking,
    Rating,
    Spans,
)

__all__ = ["NAME", "write"]

NAME = "label_studio"
UNSAYABLE = {"ranking": "rankings with ties", "spans": "that nothing was marked"}


def write(outgoing: Outgoing) -> Iterator[dict[str, Any]]:
    """A task an item."""
    for item in items_of(outgoing):
        annotations, predictions = [], []
        for judged in item.judged:
            result = _result(item, judged.feedback, outgoing)
            if result is None:
                continue
            if judged.evaluator.kind == "model":
                predictions.append(_prediction(judged, result, outgoing))
            else:
                annotations.append(_annotation(item, judged, result, outgoing))
        if annotations or predictions:
            yield {
                "id": item.number,
                "data": item.fields(),
                "annotations": annotations,
                "predictions": predictions,
            }


def _annotation(
    item: WrittenItem, judged: JudgedItem, result: list[dict[str, Any]], outgoing: Outgoing
) -> dict[str, Any]:
    feedback, evaluator = judged.feedback, judged.evaluator
    if evaluator.kind != "person":
        outgoing.lose("that an evaluator is no person")
    right = next((other.feedback for other in item.judged if _is_gold(other.feedback, feedback)), None)
    if feedback.gold is not None and (right is None or right.judgement != feedback.gold):
        outgoing.lose("gold answer")
    pseudonym = outgoing.pseudonym(evaluator, NAME)
    return {
        "completed_by": None if pseudonym is None else _number(pseudonym),
        "created_at": None if feedback.time is None else feedback.time.isoformat(),
        "lead_time": feedback.seconds,
        "was_cancelled": isinstance(feedback.judgement, Declined),
        "ground_truth": any(_is_gold(feedback, other.feedback) for other in item.judged),
        "result": result,
    }


def _number(name: str) -> str | int:
    """A pseudonym as Label Studio has it: a number, where it is written as one."""
    return int(name) if name.isascii() and name.isdecimal() and name == str(int(name)) else name


def _is_gold(feedback: Feedback, other: Feedback) -> bool:
    """Whether the one may be what the other was held against: an answer to the same question that was held to none."""
    return feedback.gold is None and other.gold is not None and feedback.study == other.study


def _prediction(judged: JudgedItem, result: list[dict[str, Any]], outgoing: Outgoing) -> dict[str, Any]:
    for name, value in (("seconds", judged.feedback.seconds), ("gold answer", judged.feedback.gold)):
        if value is not None:
            outgoing.lose(name)
    return {
        "model_version": outgoing.pseudonym(judged.evaluator, NAME),
        "created_at": None if judged.feedback.time is None else judged.feedback.time.isoformat(),
        "result": result,
    }


def _result(item: WrittenItem, feedback: Feedback, outgoing: Outgoing) -> list[dict[str, Any]] | None:
    """What was said as results; None, and counted, where there is no way to say it."""
    judgement, names = feedback.judgement, item.names
    if isinstance(judgement, Declined):
        if judgement.reason is not None:
            outgoing.lose("why somebody declined")
        return []
    question = {"from_name": question_name(feedback, NAME, outgoing), "to_name": ",".join(names)}
    match judgement:
        case Comparison(preferred="tie"):
            return [question | {"type": "choices", "value": {"choices": ["tie"]}}]
        case Comparison(preferred=side):
            return [question | {"type": "pairwise", "value": {"selected": side}}]
        case Rating(value=value, scale=scale):
            scale_fields = scale.model_dump(exclude_none=True)
            return [question | {"type": "rating", "value": {"rating": value, "scale": scale_fields}}]
        case Label(selected=selected, options=options):
            chosen = {"choices": list(selected), "options": list(options)}
            return [question | {"type": "choices", "value": chosen}]
        case Ranking(tiers=tiers) if all(len(tier) == 1 for tier in tiers):
            return [question | {"type": "ranker", "value": {"ranker": [names[place] for (place,) in tiers]}}]
        case Spans(spans=spans) if spans:
            marks = [span.model_dump(exclude_none=True) for span in spans]
            return [question | {"type": "labels", "value": mark | {"labels": [mark.pop("type")]}} for mark in marks]
        case Critique(text=text, start=start, end=end):
            if start is not None or end is not None:
                outgoing.lose("the stretch that a critique is about")
            return [question | {"type": "textarea", "value": {"text": [text]}}]
        case Correction(text=text) | Demonstration(text=text) if text.strip():
            return [question | {"type": "textarea", "value": {"text": [text]}}]
        case _:
            outgoing.lose(UNSAYABLE.get(judgement.kind, "blank texts"))
            return None
