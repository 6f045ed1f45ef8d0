"""Answers that a study's file suggests: in the ledger as what a machine said, and filled in for whom the lot says.

Every answer to a question that has a suggestion says in `Feedback.assistance` whose it was and whether it was filled
in, so that what it does to people can be told: on control questions by `feedback.assistance_effects`.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from accord.collect.assignment.lots import assistance
from accord.collect.desk.answer_sheet import AnswerSheet
from accord.collect.desk.context import Transaction
from accord.collect.study.items import StudyItem
from accord.errors import FormError, StudyError
from accord.records import Assistance, Evaluator, Feedback, Judgement

__all__ = ["drawn_suggestions", "enter_suggestions", "filled_in"]

JUDGEMENT: TypeAdapter[Judgement] = TypeAdapter(Judgement)


def enter_suggestions(tx: Transaction, item: StudyItem) -> dict[str, Any]:
    """Enter what is suggested of an item in the ledger; as it stands with the item on the desk.

    Raises `StudyError` where the study does not say what becomes of it.
    """
    if not item.suggested:
        return {}
    suggest, paper = tx.study.suggest, tx.study.questionnaire
    if suggest is None:
        field = "suggestion" if item.line.suggestion is not None else "suggestions"
        raise StudyError(f"{item.place} {field}: the study has no section [suggest]; add it, or leave this out")
    evaluator = Evaluator(kind="model", pseudonym=item.line.suggested_by or suggest.by)
    tx.add(evaluator)
    content: dict[str, Any] = {}
    laid = [completion.id for completion in item.completions]
    for name, judgement in item.suggested.items():
        record = Feedback(
            evaluator=evaluator.id,
            prompt=item.prompt.id,
            completions=paper.about(paper.by_name[name], {}, laid, laid) or (),
            judgement=judgement,
        )
        tx.add(record)
        content[name] = {"by": evaluator.id, "feedback": record.id, "judgement": judgement.model_dump(mode="json")}
    return content


def drawn_suggestions(tx: Transaction, item: Row[Any], pseudonym: str) -> dict[str, Any]:
    """By question, whose suggestion there is and whether it is filled in for a person: all of an item's, or none."""
    if tx.study.suggest is None or not item.suggestions:
        return {}
    _, shown = assistance(tx.seed, pseudonym, item.id, assistants=1, share=tx.study.suggest.share)
    return {
        name: Assistance(kind="suggestion", by=one["by"], shown=shown, digest=one["feedback"]).model_dump(mode="json")
        for name, one in item.suggestions.items()
    }


def filled_in(sheet: AnswerSheet) -> Mapping[str, Mapping[str, str]]:
    """The forms of the suggestions that a person sees, by question, in the order in which they see the completions."""
    forms: dict[str, Mapping[str, str]] = {}
    for name, told in sheet.reservation.suggested.items():
        question = sheet.paper.by_name.get(name)
        about = None if question is None else sheet.about(question, {})
        if not told["shown"] or question is None or about is None or name not in sheet.item.suggestions:
            continue
        judgement = JUDGEMENT.validate_json(json.dumps(sheet.item.suggestions[name]["judgement"]))
        shown = [completion.id for completion in about]
        laid = [completion for completion in sheet.item.completions if completion in shown]
        try:
            form = question.to_form(question.reorder(judgement, laid, shown))
        except FormError:  # the study offers no such answer any more
            continue
        if form.get("text") not in {None, *(completion.text for completion in about)}:
            form.pop("unchanged", None)
        forms[name] = form
    return forms
