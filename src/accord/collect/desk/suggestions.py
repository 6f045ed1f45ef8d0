"""Answers that a study's file suggests, filled in for whom the lot says.

Every answer to a question that has a suggestion says in `Feedback.assistance` what it was, whose, and whether it was
filled in, so that what it does to people can be told: on control questions by `feedback.assistance_effects`. A
suggestion is no feedback of its own, which somebody might learn from.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from accord.collect.assignment.lots import assistance
from accord.collect.desk.answer_sheet import AnswerSheet
from accord.collect.desk.context import Transaction
from accord.collect.study import AnyQuestion
from accord.collect.study.items import StudyItem
from accord.errors import FormError, StudyError
from accord.records import Assistance, Completion, Evaluator, Judgement

__all__ = ["drawn_suggestions", "enter_suggestions", "filled_in", "suggested_to"]

JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)


def enter_suggestions(tx: Transaction, item: StudyItem) -> dict[str, Any]:
    """Enter in the ledger who suggests something of an item; what it is, as it stands with the item on the desk.

    Raises `StudyError` where the study does not say what becomes of it.
    """
    if not item.suggested:
        return {}
    suggest = tx.study.suggest
    if suggest is None:
        field = "suggestion" if item.line.suggestion is not None else "suggestions"
        raise StudyError(f"{item.place} {field}: the study has no section [suggest]; add it, or leave this out")
    evaluator = Evaluator(kind="model", pseudonym=item.line.suggested_by or suggest.by)
    tx.add(evaluator)
    return {
        name: {"by": evaluator.id, "judgement": judgement.model_dump(mode="json")}
        for name, judgement in item.suggested.items()
    }


def drawn_suggestions(tx: Transaction, item: Row[Any], pseudonym: str) -> dict[str, Any]:
    """By question, whose suggestion there is and whether it is filled in for a person: all of an item's, or none."""
    if tx.study.suggest is None or not item.suggestions:
        return {}
    _, shown = assistance(tx.seed, pseudonym, item.id, assistants=1, share=tx.study.suggest.share)
    return {name: {"by": one["by"], "shown": shown} for name, one in item.suggestions.items()}


def suggested_to(sheet: AnswerSheet, question: AnyQuestion, about: tuple[Completion, ...]) -> Assistance | None:
    """What was suggested to a person as the answer to a question about these completions, for the record of it."""
    told = sheet.reservation.suggested.get(question.name)
    judgement = _suggestion(sheet, question, about)
    if told is None or judgement is None:
        return None
    return Assistance(kind="suggestion", by=told["by"], shown=told["shown"], suggested=judgement)


def _suggestion(sheet: AnswerSheet, question: AnyQuestion, about: tuple[Completion, ...]) -> Judgement | None:
    """The suggestion for a question, as it reads in the order shown; None where there is none any more."""
    if question.name not in sheet.item.suggestions:
        return None
    judgement = JUDGEMENT.validate_json(json.dumps(sheet.item.suggestions[question.name]["judgement"]))
    shown = [completion.id for completion in about]
    laid = [completion for completion in sheet.item.completions if completion in shown]
    return question.reorder(judgement, laid, shown)


def filled_in(sheet: AnswerSheet) -> Mapping[str, Mapping[str, str]]:
    """The forms of the suggestions that a person sees, by question, in the order in which they see the completions."""
    forms: dict[str, Mapping[str, str]] = {}
    for name, told in sheet.reservation.suggested.items():
        question = sheet.paper.by_name.get(name)
        about = None if question is None else sheet.about(question, {})
        if not told["shown"] or question is None or about is None:
            continue
        judgement = _suggestion(sheet, question, about)
        if judgement is None:
            continue
        try:
            form = question.to_form(judgement)
        except FormError:  # the study offers no such answer any more
            continue
        if form.get("text") not in {None, *(completion.text for completion in about)}:
            form.pop("unchanged", None)
        forms[name] = form
    return forms
