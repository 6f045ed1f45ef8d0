"""Reservations: an item in somebody's hands, until they answer or until it expires."""

import secrets
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Row, func, insert, select, update

from accord.collect.assignment.acquisition import BY_VOTES, UNSETTLED
from accord.collect.desk import dialogues, tables
from accord.collect.desk.answer_sheet import AnswerSheet
from accord.collect.desk.assistance import remarks_of
from accord.collect.desk.context import Transaction, moment
from accord.collect.desk.item_counts import recount
from accord.collect.desk.suggestions import filled_in
from accord.collect.desk.tasks import Remark, Task
from accord.records import Completion

__all__ = ["exhausted", "expire", "has_room", "reopen", "reserve", "task_of"]

ITEMS, RESERVATIONS = tables.items, tables.reservations


def reserve(tx: Transaction, pseudonym: str, values: Mapping[str, Any]) -> Row[Any]:
    """Put something into somebody's hands until the reservation expires."""
    name = f"r-{secrets.token_hex(10)}"
    row = {"id": name, "study": tx.study.name, "person": pseudonym, **_open_until(tx), **values}
    tx.execute(insert(RESERVATIONS).values(row))
    recount(tx, str(values["item"]))
    return _row(tx, name)


def reopen(tx: Transaction, reservation: Row[Any], session: str, place: int) -> Row[Any]:
    """Hand an expired reservation out again: the same one, so that a late answer to it is still the only one."""
    values = {"holds": reservation.purpose == "item", "session": session, "place": place, **_open_until(tx)}
    tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation.id).values(values))
    recount(tx, reservation.item)
    return _row(tx, reservation.id)


def _open_until(tx: Transaction) -> dict[str, Any]:
    return {"state": "open", "issued": tx.now, "expires": tx.now + tx.study.reserve_minutes * 60}


def _row(tx: Transaction, name: str) -> Row[Any]:
    return tx.execute(select(RESERVATIONS).where(RESERVATIONS.c.id == name)).one()


def expire(tx: Transaction) -> None:
    """Give back the places of reservations whose time is over."""
    overdue = select(RESERVATIONS).where(
        RESERVATIONS.c.study == tx.study.name, RESERVATIONS.c.state == "open", RESERVATIONS.c.expires < tx.now
    )
    for reservation in tx.execute(overdue).all():
        if tx.study.dialogue is not None and reservation.purpose == "item" and dialogues.has_enough(tx, reservation.id):
            dialogues.close(tx, reservation.id)  # whoever left a conversation that may be ended has ended it
            continue
        values = {"state": tables.EXPIRED, "holds": False}
        tx.execute(update(RESERVATIONS).where(RESERVATIONS.c.id == reservation.id).values(values))
        recount(tx, reservation.item)


def exhausted(tx: Transaction) -> bool:
    """Whether the study has all the answers that it was to have, those in people's hands among them."""
    if tx.study.answers is None:
        return False
    places = select(func.count()).where(RESERVATIONS.c.study == tx.study.name, RESERVATIONS.c.holds)
    return tx.count(places) >= tx.study.answers


def has_room(tx: Transaction, item: str, person: Row[Any], *, redone: bool = False) -> bool:
    """Whether an item has a place for a person, and the study an answer, to give.

    An answer that is `redone` has its place also where the item needs no more by its votes.
    """
    row = tx.execute(select(ITEMS).where(ITEMS.c.id == item)).one()
    asks = row.closed == "" or (redone and row.closed in BY_VOTES)
    if (experts := tx.experts_of(person)) is None:
        free = row.answered + row.open < row.overlap
    else:
        asks = asks or row.closed == UNSETTLED
        free = row.answered_by_experts + row.open_with_experts < experts.answers
    return asks and free and not exhausted(tx)


def task_of(tx: Transaction, reservation: Row[Any], left: int | None = None) -> Task:
    """A reservation as the person sees it; `left` is how many items there are for them."""
    sheet, study = AnswerSheet.of(tx, reservation), tx.study
    question = (sheet.next(sheet.answers) if study.in_turn else None) or study.question
    answers = sheet.answers if study.in_turn else {}
    completions = tuple(sheet.texts.values())
    if not (parts := sheet.parts()):
        completions = sheet.about(question, answers) or ()
    draft = cast("Mapping[str, str] | None", reservation.draft)
    if study.in_turn and draft is not None:
        draft = study.questionnaire.part(draft, question) or None
    offered = {} if draft is not None else filled_in(sheet)
    if study.in_turn:
        offered = {name: form for name, form in offered.items() if name == question.name}
    if offered:
        draft = offered[question.name] if study.in_turn else study.questionnaire.whole(offered)
    done = select(func.count()).where(*tx.of_person(reservation.person), RESERVATIONS.c.state.in_(tables.IN_LEDGER))
    return Task(
        reservation=reservation.id,
        item=reservation.item,
        prompt=tx.prompt(sheet.item.prompt),
        completions=completions,
        question=question,
        warning=sheet.item.warning,
        session=reservation.session,
        position_in_session=reservation.place,
        number=tx.count(done) + (reservation.redoes is None),
        issued_at=moment(reservation.issued),
        expires_at=moment(reservation.expires),
        draft=draft,
        redo=reservation.redoes is not None,
        practice=reservation.purpose == "practice",
        remarks=_remarks_on(completions, sheet, remarks_of(tx, reservation)),
        parts=parts,
        step=len(answers) + 1,
        steps=len(study.questions) if study.in_turn else 1,
        earlier=sheet.earlier() if study.in_turn else (),
        suggested=bool(offered),
        metadata={name: sheet.item.metadata[name] for name in study.show if name in sheet.item.metadata},
        left=left,
    )


def _remarks_on(
    completions: tuple[Completion, ...], sheet: AnswerSheet, remarks: tuple[Remark, ...]
) -> tuple[Remark, ...]:
    """Those about completions that are shown, called by their places there."""
    places = {completion.id: place for place, completion in enumerate(completions)}
    shown = list(sheet.texts)
    return tuple(
        Remark(places[shown[remark.place]], remark.judgement) for remark in remarks if shown[remark.place] in places
    )
