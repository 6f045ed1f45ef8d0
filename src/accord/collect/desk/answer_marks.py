"""What is to be seen of an answer by itself, written beside it so that answers can be searched for it.

    fast      sent before what was shown could be read, by the line of `flags`
    missed    a control question that was not answered as known to be right
    pasted    something was pasted into a written answer
    changed   an item asked again, and not answered the same
    comment   with a comment
    declined  not judged

A mark is no verdict: `flags` say of a person what many answers together show.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.flags import is_too_fast
from accord.collect.study import AnyQuestion
from accord.feedback.equality import same_answer
from accord.records import Completion, Declined, Feedback

__all__ = ["MARKS", "has_mark", "mark_answers", "marks_of"]

MARKS: Mapping[str, str] = {
    "fast": "too fast to be read",
    "missed": "control question missed",
    "pasted": "pasted",
    "changed": "not as the first time",
    "comment": "with a comment",
    "declined": "declined",
}
"""Each mark in words."""

ANSWERS, RESERVATIONS = tables.answers, tables.reservations
AT_ONCE = 500  # answers in one transaction


def marks_of(tx: Transaction, question: AnyQuestion, record: Feedback) -> str:
    """The marks of an answer as they are kept: each between blanks."""
    return " ".join(["", *_marks(tx, question, record), ""])


def has_mark(mark: str) -> ColumnElement[bool]:
    """That an answer has a mark."""
    return ANSWERS.c.marks.contains(f" {mark} ", autoescape=True)


def mark_answers(context: Context) -> None:
    """Mark the answers that nobody looked at yet, which were given before there were marks."""
    study = context.study
    query = select(ANSWERS.c.reservation, ANSWERS.c.question, ANSWERS.c.feedback)
    query = query.join(RESERVATIONS, RESERVATIONS.c.id == ANSWERS.c.reservation)
    unmarked = query.where(
        RESERVATIONS.c.study == study.name,
        ANSWERS.c.feedback.is_not(None),
        ANSWERS.c.marks.is_(None),
        ANSWERS.c.question.in_(list(study.questionnaire.by_name)),
    )
    key = (ANSWERS.c.reservation == bindparam("of"), ANSWERS.c.question == bindparam("to"))
    while True:
        with context.writing() as tx:
            rows = tx.execute(unmarked.limit(AT_ONCE)).all()
            if not rows:
                return
            records = tx.records(Feedback, [row.feedback for row in rows])
            values: list[dict[str, Any]] = [
                {
                    "of": row.reservation,
                    "to": row.question,
                    "seen": marks_of(tx, study.questionnaire.by_name[row.question], records[row.feedback]),
                }
                for row in rows
            ]
            tx.connection.execute(update(ANSWERS).where(*key).values(marks=bindparam("seen")), values)


def _marks(tx: Transaction, question: AnyQuestion, record: Feedback) -> Iterator[str]:
    declined = isinstance(record.judgement, Declined)
    if record.seconds is not None:
        texts = tx.records(Completion, record.completions).values()
        if is_too_fast(record.seconds, sum(len(completion.text.split()) for completion in texts)):
            yield "fast"
    if record.gold is not None and question.agree(record.judgement, record.gold) is False:
        yield "missed"
    if question.written and not declined and record.telemetry is not None and record.telemetry.pasted:
        yield "pasted"
    if record.repeat_of is not None:
        first = tx.records(Feedback, [record.repeat_of]).get(record.repeat_of)
        if first is not None and same_answer(record, first) is False:
            yield "changed"
    if record.comment:
        yield "comment"
    if declined:
        yield "declined"
