"""Answers of the practice round: explained, kept on the desk, and never in the ledger."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.answer_sheet import LEFT_OPEN, AnswerSheet
from accord.collect.desk.context import Transaction
from accord.collect.desk.screening import RIGHT, WRONG, finish_practice
from accord.collect.desk.tasks import PracticePart, PracticeResult, Receipt
from accord.records import Judgement

__all__ = ["explained", "keep_practice"]

ITEMS, RESERVATIONS, ANSWERS = tables.items, tables.reservations, tables.answers


def keep_practice(
    tx: Transaction,
    person: Row[Any],
    sheet: AnswerSheet,
    form: Mapping[str, str],
    answers: Mapping[str, Judgement | None],
    seconds: float,
) -> Receipt:
    """Close a practice reservation with whether each answer was as expected; the last one ends the round."""
    reservation, result = sheet.reservation, explained(sheet, answers)
    values = {
        "state": "practised",
        "closed": tx.now,
        "form": dict(form),
        "draft": None,
        "step_answers": [],
        "seconds": seconds,
    }
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation.id).values(values))
    marks = [
        {
            "reservation": reservation.id,
            "question": part.question.name,
            "place": place,
            "vote": RIGHT if part.correct else WRONG,
            "feedback": None,
        }
        for place, part in enumerate(result.parts)
        if part.correct is not None
    ]
    if marks:
        tx.execute(insert(ANSWERS).values(marks))
    answered = select(RESERVATIONS.c.item).where(*tx.of_person(person.pseudonym), RESERVATIONS.c.state == "practised")
    unanswered = select(ITEMS.c.id).where(
        ITEMS.c.study == tx.study.name,
        ITEMS.c.purpose == "practice",
        ITEMS.c.closed != "withdrawn",
        ITEMS.c.id.not_in(answered),
    )
    if tx.execute(unanswered.limit(1)).first() is None:
        finish_practice(tx, person.pseudonym)
    return Receipt(reservation.id, None, result)


def explained(sheet: AnswerSheet, answers: Mapping[str, Judgement | None]) -> PracticeResult:
    """What a person is told of their practice answers; correct where all are whose answer is known."""
    parts: list[PracticePart] = []
    expected_first: Judgement | None = None
    for name, judgement in answers.items():
        question = sheet.paper.by_name[name]
        about = sheet.about(question, answers) or ()
        expected = sheet.known(question, about)
        expected_first = expected if not parts else expected_first
        correct = None if expected is None or judgement is None else question.agree(judgement, expected)
        said = LEFT_OPEN if judgement is None else question.describe(judgement)
        parts.append(PracticePart(question, said, correct, None if expected is None else question.describe(expected)))
    known = [part.correct for part in parts if part.correct is not None]
    return PracticeResult(all(known) if known else None, expected_first, sheet.item.explanation, tuple(parts))
