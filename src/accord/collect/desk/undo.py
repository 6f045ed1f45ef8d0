"""Undo: answers of a session taken back, the last one first.

Of questions that are asked in turn, the last one answered is in the person's hands again; once all of an item's are
answered, they are taken back together. An answer that is taken back is in the person's hands again, with the form as it
was. It stands until a new one is sent, which `replaces` it.
"""

from typing import Any

from sqlalchemy import Row, select, update

from accord.collect.desk import tables, turn_answers
from accord.collect.desk.accounts import session_name
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.eligible_items import EligibleItems
from accord.collect.desk.item_counts import recount
from accord.collect.desk.reservations import reserve, task_of
from accord.collect.desk.tasks import Task
from accord.collect.study.phrases import phrase
from accord.errors import FormError

__all__ = ["can_undo", "undo"]

RESERVATIONS = tables.reservations
SAME = ("item", "purpose", "session", "place", "number", "shown", "repeat_of", "assistance", "suggested")


def undo(context: Context, pseudonym: str) -> Task:
    """Take back the last answer of this session; asked again before another is sent, the one before it, and so on.

    It stays with the session's first answer. Raises `FormError` where there is none.
    """
    with context.writing() as tx:
        if tx.study.dialogue is not None and (turn := turn_answers.undo(tx, pseudonym)) is not None:
            return turn
        if (begun := _begun(tx, pseudonym)) is not None:
            return _in_hand(tx, _step_back(tx, begun), pseudonym)
        redo = _open_redo(tx, pseudonym)
        answer = _answer_before(tx, pseudonym, redo)
        if answer is not None:
            if redo is not None:
                _put_back(tx, redo)
            values = {name: getattr(answer, name) for name in SAME}
            values |= {"draft": answer.form, "replaces": answer.feedback, "redoes": answer.id}
            redo = reserve(tx, pseudonym, values)
        if redo is None:
            raise FormError("undo", phrase("form.nothing_to_undo"))
        return _in_hand(tx, redo, pseudonym)


def _in_hand(tx: Transaction, reservation: Row[Any], pseudonym: str) -> Task:
    """What is brought back, with how many items there are for the person still."""
    return task_of(tx, reservation, EligibleItems(tx, tx.person_row(pseudonym), may_write=True).left())


def can_undo(context: Context, pseudonym: str) -> bool:
    """Whether `undo` would bring back another answer than the one that it has brought back."""
    with context.reading() as tx:
        if tx.study.dialogue is not None and turn_answers.can_undo(tx, pseudonym):
            return True
        if _begun(tx, pseudonym) is not None:
            return True
        return _answer_before(tx, pseudonym, _open_redo(tx, pseudonym)) is not None


def _begun(tx: Transaction, pseudonym: str) -> Row[Any] | None:
    """What the person has in hand, where they answered some of its questions and others are still to come."""
    if not tx.study.in_turn or tx.person_row(pseudonym).status != "active":
        return None
    of_person = (RESERVATIONS.c.person == pseudonym, RESERVATIONS.c.study == tx.study.name)
    query = select(RESERVATIONS).where(*of_person, RESERVATIONS.c.state == "open")
    redone_first = (RESERVATIONS.c.redoes.is_(None), RESERVATIONS.c.issued.desc())
    in_hand = tx.execute(query.order_by(*redone_first).limit(1)).first()
    return in_hand if in_hand is not None and in_hand.step_answers else None


def _step_back(tx: Transaction, begun: Row[Any]) -> Row[Any]:
    """The last question that was answered is the one in hand again, with its answer filled in."""
    *steps, last = begun.step_answers
    paper = tx.study.questionnaire
    question = paper.by_name.get(last["question"])
    draft = {} if question is None else paper.whole({question.name: last["form"]})
    values = {"step_answers": steps, "draft": {**(begun.draft or {}), **draft}}
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == begun.id).values(values))
    return tx.execute(select(RESERVATIONS).where(RESERVATIONS.c.id == begun.id)).one()


def _open_redo(tx: Transaction, pseudonym: str) -> Row[Any] | None:
    """The reservation of an answer that the person has taken back and not sent anew."""
    of_person = (RESERVATIONS.c.person == pseudonym, RESERVATIONS.c.study == tx.study.name)
    query = select(RESERVATIONS).where(*of_person, RESERVATIONS.c.state == "open", RESERVATIONS.c.redoes.is_not(None))
    return tx.execute(query).first()


def _answer_before(tx: Transaction, pseudonym: str, redo: Row[Any] | None) -> Row[Any] | None:
    """The person's last answer of this session, or the one before that which `redo` has taken back."""
    person = tx.person_row(pseudonym)
    if person.status != "active":
        return None
    query = select(RESERVATIONS).where(
        *tx.of_person(pseudonym),
        RESERVATIONS.c.state.in_(tables.IN_LEDGER),
        RESERVATIONS.c.session == session_name(person),
    )
    if tx.study.dialogue is not None:
        query = query.where(RESERVATIONS.c.purpose != "item")  # a conversation that is over stays as it is
    if redo is not None:
        taken_back = select(RESERVATIONS.c.answer).where(RESERVATIONS.c.id == redo.redoes)
        query = query.where(RESERVATIONS.c.answer < taken_back.scalar_subquery())
    return tx.execute(query.order_by(RESERVATIONS.c.answer.desc()).limit(1)).first()


def _put_back(tx: Transaction, redo: Row[Any]) -> None:
    """Leave an answer that was taken back as it stands."""
    values = {"state": tables.EXPIRED, "holds": False}
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == redo.id).values(values))
    recount(tx, redo.item)
