"""The end of the practice round: whoever answered too few of its questions as expected is not asked anything more."""

from typing import Any

from sqlalchemy import select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Transaction

__all__ = ["RIGHT", "WRONG", "finish_practice"]

PEOPLE, RESERVATIONS, ANSWERS = tables.people, tables.reservations, tables.answers
RIGHT, WRONG = "right", "wrong"
"""The votes of practice answers, where the expected answer is known."""


def finish_practice(tx: Transaction, pseudonym: str) -> None:
    """The person has practised; where the study screens, and they fail, their part ends here."""
    values: dict[str, Any] = {"practised": True}
    screen = tx.study.screen_out
    if screen is not None:
        practised = (*tx.of_person(pseudonym), RESERVATIONS.c.state == "practised")
        of_person = select(ANSWERS.c.vote).join(RESERVATIONS, RESERVATIONS.c.id == ANSWERS.c.reservation)
        marks = tx.connection.scalars(of_person.where(*practised)).all()
        known_marks = [mark for mark in marks if mark in {RIGHT, WRONG}]
        right = known_marks.count(RIGHT)
        if known_marks and right < screen.right * len(known_marks):
            values["status"] = "screened"
            tx.note("screened", f"{right} of {len(known_marks)} practice questions as expected", pseudonym)
    tx.execute(update(PEOPLE).where(*tx.is_person(pseudonym)).values(values))
