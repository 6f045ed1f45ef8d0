"""Answers looked up by whoever runs the study: found by the database, a page of them at a time.

An answer here is what somebody did with an item that they were handed: of several questions all of them, of a dialogue
all of its turns. What users of a chat endpoint said has no item and is not among these.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select

from accord.collect.desk import tables
from accord.collect.desk.answer_marks import has_mark
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.item_search import A_PAGE, with_difference
from accord.collect.desk.search_filters import AnswerFilter
from accord.collect.desk.text_search import ids_of_feedback, prompts_with
from accord.records import Feedback, Prompt

__all__ = ["AnswerPage", "AnswerWords", "FoundAnswer", "answers_to", "find_answers", "words_of"]

ITEMS, RESERVATIONS, ANSWERS = tables.items, tables.reservations, tables.answers
CONTACTS, INVITES = tables.contacts, tables.invites


@dataclass(frozen=True)
class AnswerWords:
    """The answer to one question in words ("" as the question's name where there is one), and its marks."""

    question: str
    words: str
    marks: tuple[str, ...]


@dataclass(frozen=True)
class FoundAnswer:
    """What somebody did with an item: `state` and `purpose` as in the filters; `difference` is that of the item's
    answers. `given_at` is None for what is in hand or ran out, `seconds` those that count for pay."""

    reservation: str
    item: str
    person: str
    purpose: str
    state: str
    handed_out_at: datetime
    given_at: datetime | None
    seconds: float | None
    prompt_text: str
    answers: tuple[AnswerWords, ...]
    difference: float | None


@dataclass(frozen=True)
class AnswerPage:
    """One page of what was found: `total` answers in all, `page` of `pages`, from 1."""

    answers: tuple[FoundAnswer, ...]
    total: int
    page: int
    pages: int


def find_answers(context: Context, filters: AnswerFilter, page: int = 1, *, by_names: bool = False) -> AnswerPage:
    """The answers that `filters` ask for, the newest first; what is still in hand comes before all.

    `by_names` is whether `filters.person` is searched for in names, contacts and notes too.
    """
    with context.reading() as tx:
        conditions = _conditions(tx, filters, by_names=by_names)
        found = select(func.count()).select_from(RESERVATIONS.join(ITEMS, ITEMS.c.id == RESERVATIONS.c.item))
        total = tx.count(found.where(*conditions))
        pages = max(1, math.ceil(total / A_PAGE))
        page = min(max(page, 1), pages)
        query = _rows().where(*conditions).limit(A_PAGE).offset((page - 1) * A_PAGE)
        return AnswerPage(_found(tx, tx.execute(query).all()), total, page, pages)


def answers_to(context: Context, item: str) -> tuple[FoundAnswer, ...]:
    """All that people did with an item, the newest first; in words that call its texts by their places in the file."""
    with context.reading() as tx:
        laid = tx.connection.scalar(select(ITEMS.c.completions).where(ITEMS.c.id == storable_name(item))) or ()
        of_item = (RESERVATIONS.c.study == tx.study.name, RESERVATIONS.c.item == storable_name(item))
        return _found(tx, tx.execute(_rows().where(*of_item)).all(), laid)


def _rows() -> Select[Any]:
    columns = (ITEMS.c.prompt, ITEMS.c.difference)
    query = select(RESERVATIONS, *columns).join(ITEMS, ITEMS.c.id == RESERVATIONS.c.item)
    return query.order_by(
        RESERVATIONS.c.closed.is_not(None),
        RESERVATIONS.c.closed.desc(),
        RESERVATIONS.c.issued.desc(),
        RESERVATIONS.c.id,
    )


def _conditions(tx: Transaction, filters: AnswerFilter, *, by_names: bool) -> list[ColumnElement[bool]]:
    columns = RESERVATIONS.c
    conditions: list[ColumnElement[bool]] = [columns.study == tx.study.name]
    if filters.person:
        conditions.append(_by_person(tx, filters.person, by_names=by_names))
    if filters.item:
        conditions.append(columns.item == filters.item)
    if filters.state:
        conditions.append(columns.state == filters.state)
    if filters.purpose:
        conditions.append(columns.purpose == filters.purpose)
    if filters.mark:
        conditions.append(_answers().where(has_mark(filters.mark)).exists())
    if filters.since is not None:
        conditions.append(columns.closed >= filters.since.timestamp())
    if filters.until is not None:
        conditions.append(columns.closed < filters.until.timestamp())
    if filters.text:
        said = columns.id.in_(
            select(ANSWERS.c.reservation).where(ANSWERS.c.feedback.in_(ids_of_feedback(tx, filters.text)))
        )
        conditions.append(or_(ITEMS.c.prompt.in_(prompts_with(filters.text)), said))
    return [*conditions, *with_difference(filters.difference)]


def _answers() -> Select[Any]:
    return select(ANSWERS.c.reservation).where(ANSWERS.c.reservation == RESERVATIONS.c.id)


def _by_person(tx: Transaction, text: str, *, by_names: bool) -> ColumnElement[bool]:
    """By a part of the pseudonym, or of what is known of who they are."""
    pseudonym = RESERVATIONS.c.person.icontains(text, autoescape=True)
    if not by_names:
        return pseudonym
    of_person = select(CONTACTS.c.pseudonym).where(
        or_(
            *(
                column.icontains(text, autoescape=True)
                for column in (CONTACTS.c.name, CONTACTS.c.contact, CONTACTS.c.note)
            )
        )
    )
    invited = select(INVITES.c.person).where(
        INVITES.c.study == tx.study.name, INVITES.c.person.is_not(None), INVITES.c.note.icontains(text, autoescape=True)
    )
    return or_(pseudonym, RESERVATIONS.c.person.in_(of_person), RESERVATIONS.c.person.in_(invited))


def _found(tx: Transaction, rows: Sequence[Row[Any]], laid: Sequence[str] = ()) -> tuple[FoundAnswer, ...]:
    prompts = tx.records(Prompt, [row.prompt for row in rows])
    answers = words_of(tx, [row.id for row in rows], laid)
    return tuple(
        FoundAnswer(
            reservation=row.id,
            item=row.item,
            person=row.person,
            purpose=row.purpose,
            state=row.state,
            handed_out_at=moment(row.issued),
            given_at=None if row.closed is None else moment(row.closed),
            seconds=row.seconds,
            prompt_text=prompts[row.prompt].text,
            answers=tuple(answers.get(row.id, ())),
            difference=row.difference,
        )
        for row in rows
    )


def words_of(tx: Transaction, reservations: Sequence[str], laid: Sequence[str] = ()) -> Mapping[str, list[AnswerWords]]:
    """By reservation, its answers in words: of all questions, or of all turns of a dialogue.

    Completions are called by their places on the person's screen; where `laid` has them in another order, by that.
    """
    query = select(ANSWERS).where(ANSWERS.c.reservation.in_(reservations), ANSWERS.c.feedback.is_not(None))
    rows = [
        (row.reservation, row.question, row.feedback, (row.marks or "").split())
        for row in tx.execute(query.order_by(ANSWERS.c.reservation, ANSWERS.c.place))
    ]
    turns = tables.turns
    spoken = select(turns).where(turns.c.reservation.in_(reservations)).order_by(turns.c.reservation, turns.c.place)
    rows += [(turn.reservation, "", name, []) for turn in tx.execute(spoken) for name in turn.feedback]
    records = tx.records(Feedback, [row[2] for row in rows])
    words: defaultdict[str, list[AnswerWords]] = defaultdict(list)
    for reservation, name, feedback, marks in rows:
        question, record = tx.study.question_of.get(records[feedback].study), records[feedback]
        judgement = record.judgement
        if question is not None and sorted(laid) == sorted(record.completions):
            judgement = question.reorder(judgement, record.completions, laid)
        said = judgement.kind if question is None else question.describe(judgement)
        words[reservation].append(AnswerWords(name, said, tuple(marks)))
    return words
