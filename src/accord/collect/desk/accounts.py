"""The people of a study: coming in, being looked up and being paused.

The ledger knows a pseudonym and what somebody chose to say of themselves. A name and how to reach them stand in one
table of the desk, which `erasure` clears.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Literal, cast

from sqlalchemy import Row, func, insert, select, update

from accord.collect.desk import tables
from accord.collect.desk.context import Context, Transaction, moment, storable_name
from accord.collect.desk.identities import Person
from accord.collect.desk.invites import check_attributes, mark_used, open_invite, short_text, use_code
from accord.collect.study import Study
from accord.collect.study.phrases import phrase
from accord.errors import AccessError, FormError, LedgerError
from accord.feedback.store.tables import TABLES
from accord.records import Evaluator

__all__ = [
    "accept",
    "accept_code",
    "add_person",
    "contact",
    "exclude",
    "excluded_evaluators",
    "find",
    "pause",
    "resume",
    "session_name",
    "take_part",
]

PEOPLE, CONTACTS, RESERVATIONS = tables.people, tables.contacts, tables.reservations


def accept(
    context: Context,
    token: str,
    *,
    consent: bool,
    attributes: Mapping[str, str],
    name: str | None = None,
    contact: str | None = None,
) -> Person:
    """Let in whoever has the token of an invite (once), or of a sign-in link.

    Somebody who is known is let in as themselves, whatever else is given. Raises `AccessError` where the token is no
    good, `FormError` where consent is missing or an attribute is none of the study's; the token can then be used again.
    """
    with context.writing() as tx:
        token_row = open_invite(tx, token)
        if token_row.kind == "link":
            mark_used(tx, token_row.id, token_row.person)
            return _person_of(tx, tx.person_row(token_row.person))
        if not consent:
            raise FormError("consent", phrase("form.consent"))
        reach = {field: short_text(field, value) for field, value in (("name", name), ("contact", contact))}
        pseudonym = add_person(tx, {**attributes, **token_row.attributes}, expert=token_row.kind == "expert")
        if any(reach.values()):
            tx.execute(insert(CONTACTS).values(pseudonym=pseudonym, **reach))
        mark_used(tx, token_row.id, pseudonym)
        return _person_of(tx, tx.person_row(pseudonym))


def accept_code(context: Context, code: str) -> Person:
    """Let in, on another machine, whoever's device code this is. Raises `AccessError` where it is no good."""
    with context.writing() as tx:
        return _person_of(tx, tx.person_row(use_code(tx, code)))


def add_person(tx: Transaction, attributes: Mapping[str, str], *, expert: bool = False) -> str:
    """Enter somebody who agreed to take part, under a new pseudonym. Raises `FormError` for an unknown attribute."""
    own = check_attributes(tx.study, attributes)
    pseudonym = f"p-{secrets.token_hex(5)}"
    evaluator = _evaluator(tx.study, pseudonym, own, expert=expert)
    tx.add(evaluator)
    tx.execute(insert(PEOPLE).values({**_new_row(tx, pseudonym, evaluator.id, own), "expert": expert}))
    return pseudonym


def take_part(
    context: Context, pseudonym: str, *, consent: bool, attributes: Mapping[str, str], from_study: str
) -> Person:
    """Let somebody of another study of this ledger into this one, as the same evaluator under the same pseudonym.

    What they said of themselves there is taken over where this study asks for it too. Whoever takes part already is
    left as they are. Raises `AccessError` where nobody is called so there, or they were paused or erased, `FormError`
    where consent is missing.
    """
    with context.writing() as tx:
        own = tx.execute(select(PEOPLE).where(*tx.is_person(storable_name(pseudonym)))).one_or_none()
        if own is not None:
            return _person_of(tx, own)
        there = (PEOPLE.c.pseudonym == storable_name(pseudonym), PEOPLE.c.study == from_study)
        row = tx.execute(select(PEOPLE).where(*there)).one_or_none()
        if row is None or row.status == "erased":
            raise AccessError("forged", phrase("access.unknown_person"))
        if not consent:
            raise FormError("consent", phrase("form.consent"))
        known = {name: value for name, value in row.attributes.items() if value in tx.study.attributes.get(name, ())}
        said = {name: value for name, value in attributes.items() if value}
        values = _new_row(tx, pseudonym, row.evaluator, check_attributes(tx.study, {**known, **said}))
        tx.execute(insert(PEOPLE).values(values))
        return _person_of(tx, tx.person_row(pseudonym))


def _new_row(tx: Transaction, pseudonym: str, evaluator: str, attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "pseudonym": pseudonym,
        "study": tx.study.name,
        "evaluator": evaluator,
        "status": "active",
        "attributes": attributes,
        "joined": tx.now,
        "seen": tx.now,
        "consent": tx.study.consent_digest,
        "consented": tx.now,
    }


def _evaluator(study: Study, pseudonym: str, attributes: dict[str, str], *, expert: bool) -> Evaluator:
    pay = [
        f"{amount:g} {study.pay.currency} {unit}"
        for amount, unit in ((study.pay.per_item, "an item"), (study.pay.per_hour, "an hour"))
        if amount
    ]
    return Evaluator(
        kind="person",
        pseudonym=pseudonym,
        pool=study.experts.pool if expert and study.experts is not None else study.name,
        attributes=attributes or None,
        recruitment=study.recruitment,
        payment=" and ".join(pay) or None,
        training=study.training,
    )


# -- looking up -------------------------------------------------------------------------------------------------


def find(context: Context, pseudonym: str) -> Person | None:
    """A person of this study by pseudonym; None where there is none."""
    with context.reading() as tx:
        query = select(PEOPLE).where(PEOPLE.c.pseudonym == storable_name(pseudonym), PEOPLE.c.study == tx.study.name)
        row = tx.execute(query).one_or_none()
        return None if row is None else _person_of(tx, row)


def _person_of(tx: Transaction, row: Row[Any]) -> Person:
    """A row of the people's table as a value."""
    done = select(func.count()).where(
        RESERVATIONS.c.person == row.pseudonym,
        RESERVATIONS.c.state.in_(tables.IN_LEDGER),
        RESERVATIONS.c.study == tx.study.name,
    )
    return Person(
        pseudonym=row.pseudonym,
        evaluator=row.evaluator,
        study=row.study,
        status=cast("Literal['active', 'paused', 'screened', 'erased']", row.status),
        why=row.why,
        attributes=row.attributes,
        practised=row.practised,
        done=tx.count(done),
        session=session_name(row),
        position_in_session=row.sitting_done,
        joined_at=moment(row.joined),
        seen_at=moment(row.seen),
        excluded=row.excluded,
    )


def session_name(row: Row[Any]) -> str:
    """The name of the session that somebody is in: the unit that splits and intervals respect."""
    return f"{row.study}/{row.pseudonym}/{max(row.sitting, 1)}"


def contact(context: Context, pseudonym: str) -> tuple[str, str] | None:
    """A person's name and how to reach them, where they said so and were not erased."""
    with context.reading() as tx:
        tx.person_row(pseudonym)
        row = tx.execute(select(CONTACTS).where(CONTACTS.c.pseudonym == pseudonym)).one_or_none()
    return None if row is None else (row.name, row.contact)


# -- pausing ----------------------------------------------------------------------------------------------------


def pause(context: Context, pseudonym: str, why: str, *, excluded: bool = False) -> None:
    """Ask somebody nothing more until `resume`; what they send meanwhile is kept as a draft.

    `excluded` notes that their answers are to be left out of training too.
    """
    _set_status(context, pseudonym, "paused", why)
    if excluded:
        exclude(context, pseudonym)


def resume(context: Context, pseudonym: str) -> None:
    """Go on asking somebody who was paused."""
    _set_status(context, pseudonym, "active", "")


def exclude(context: Context, pseudonym: str, *, excluded: bool = True) -> None:
    """Note whether somebody's answers are to be left out of training. They stay in the ledger as they are: a recipe
    leaves them out, by the line of `excluded_evaluators`."""
    with context.writing() as tx:
        if tx.person_row(pseudonym).excluded != excluded:
            tx.execute(update(PEOPLE).where(*tx.is_person(pseudonym)).values(excluded=excluded))
            tx.note("excluded" if excluded else "counted again", "answers of all kinds, in training", pseudonym)


def excluded_evaluators(context: Context) -> dict[str, str]:
    """By pseudonym, the ids of the evaluators whose answers a recipe is to leave out (`[data] exclude`).

    Whoever has no answer in the ledger is left out here: a recipe refuses what names nothing.
    """
    feedback = TABLES["feedback"]
    with context.reading() as tx:
        query = select(PEOPLE.c.pseudonym, PEOPLE.c.evaluator).where(PEOPLE.c.study == tx.study.name, PEOPLE.c.excluded)
        query = query.where(select(feedback.c.id).where(feedback.c.evaluator == PEOPLE.c.evaluator).exists())
        return {row.pseudonym: row.evaluator for row in tx.execute(query.order_by(PEOPLE.c.joined))}


def _set_status(context: Context, pseudonym: str, status: str, why: str) -> None:
    with context.writing() as tx:
        if tx.person_row(pseudonym).status == "erased":
            raise LedgerError(f"{pseudonym} was erased; invite them anew if they want to take part again")
        tx.execute(update(PEOPLE).where(*tx.is_person(pseudonym)).values(status=status, why=why))
        tx.note(status, why or "goes on", pseudonym)
