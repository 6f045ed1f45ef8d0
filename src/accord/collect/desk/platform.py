"""Workers of a crowd platform: coming in by a shared link, having done their part, and the list of whom to approve.

The id that the platform gives somebody becomes a keyed digest, by which they are known again. The id itself stands
beside other contact data alone, which `erasure` clears, with the digest: whoever was forgotten and comes again is new.
An id can be made up or be somebody else's, so it lets nobody into an account that is there: for that the platform's
session must be the one they came with, or the browser.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Row, insert, select

from accord.collect.desk import tables
from accord.collect.desk.accounts import add_person, find
from accord.collect.desk.context import Context, Transaction
from accord.collect.desk.external_ids import external_digest
from accord.collect.desk.identities import Person, PlatformIds
from accord.collect.desk.overview import PersonProgress
from accord.collect.desk.progress import progress_of
from accord.collect.study.phrases import phrase
from accord.collect.study.platform import LONGEST_ID, Platform
from accord.errors import AccessError, FormError

__all__ = ["Approval", "approvals", "as_csv", "csv_cell", "enter", "ids_of", "is_of"]

EXTERNAL, CONTACTS, PEOPLE = tables.external_ids, tables.contacts, tables.people
NO_PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # what Mechanical Turk says while a task is only looked at
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FORGED = phrase("access.platform_forged")
PREVIEW = phrase("access.platform_preview")
ELSEWHERE = phrase("access.platform_elsewhere")


def ids_of(platform: Platform, query: Mapping[str, str]) -> PlatformIds:
    """Who an address says that somebody is. Raises `AccessError` where it says nothing that can be."""
    if NO_PREVIEW in query.values():
        raise AccessError("forged", PREVIEW)
    worker = query.get(platform.worker, "")
    optional = (platform.session, platform.study)
    session, study = (query.get(name, "") if name else "" for name in optional)
    is_whole = all(query.get(name) for name in optional if name)
    if not is_whole or not platform.is_worker(worker) or not all(map(_is_plain, (worker, session, study))):
        raise AccessError("forged", FORGED)
    return PlatformIds(worker, session, study)


def _is_plain(text: str) -> bool:
    return len(text) <= LONGEST_ID and text.isascii() and (text.isprintable() and " " not in text)


def is_of(context: Context, pseudonym: str, ids: PlatformIds) -> bool:
    """Whether a person is this worker."""
    with context.reading() as tx:
        row = _row(tx, ids)
    return row is not None and row.person == pseudonym


def enter(context: Context, ids: PlatformIds, *, consent: bool, attributes: Mapping[str, str]) -> Person:
    """Let a worker in: somebody new, or whoever came with this session before.

    Raises `AccessError` where the worker's account is somebody's who came otherwise, `FormError` where consent is
    missing or an attribute is none of the study's.
    """
    with context.writing() as tx:
        row, session = _row(tx, ids), external_digest(tx, "session", ids.session) if ids.session else ""
        if row is None:
            if not consent:
                raise FormError("consent", phrase("form.consent"))
            pseudonym = add_person(tx, attributes)
            tx.execute(insert(EXTERNAL).values(_new_row(tx, ids, pseudonym, session)))
            platform = {"worker": ids.worker, "platform_session": ids.session, "platform_study": ids.study}
            tx.execute(insert(CONTACTS).values(pseudonym=pseudonym, **platform))
        elif session and row.session == session:
            pseudonym = row.person
        else:
            raise AccessError("used", ELSEWHERE)
    person = find(context, pseudonym)
    assert person is not None, "whoever came in is there"
    return person


def _new_row(tx: Transaction, ids: PlatformIds, pseudonym: str, session: str) -> dict[str, Any]:
    digest = external_digest(tx, "worker", ids.worker)
    return {"digest": digest, "study": tx.study.name, "person": pseudonym, "session": session}


def _row(tx: Transaction, ids: PlatformIds) -> Row[Any] | None:
    digest = external_digest(tx, "worker", ids.worker)
    return tx.execute(select(EXTERNAL).where(EXTERNAL.c.digest == digest)).one_or_none()


# -- whom to approve ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Approval:
    """A line of the list for the platform. `worker`, `session` and `study` are its own ids; "" where they were erased.

    `minutes` are those that are paid by the hour; `code` is the one that the worker was shown.
    """

    worker: str
    session: str
    study: str
    pseudonym: str
    status: Literal["approve", "screened", "incomplete"]
    answers: int
    declined: int
    minutes: float
    code: str


def approvals(context: Context) -> list[Approval]:
    """All who came from the platform, in the order in which they did. Somebody who was erased is not among them."""
    people = {person.pseudonym: person for person in progress_of(context).people}
    with context.reading() as tx:
        workers = select(EXTERNAL, CONTACTS, PEOPLE.c.joined).where(EXTERNAL.c.study == tx.study.name)
        workers = workers.join(CONTACTS, CONTACTS.c.pseudonym == EXTERNAL.c.person)
        whose = (PEOPLE.c.pseudonym == EXTERNAL.c.person) & (PEOPLE.c.study == EXTERNAL.c.study)
        workers = workers.join(PEOPLE, whose).where(CONTACTS.c.worker != "")
        rows = tx.execute(workers.order_by(PEOPLE.c.joined, EXTERNAL.c.digest)).all()
    return [_approval(context, row, people[row.person]) for row in rows]


def _approval(context: Context, row: Row[Any], person: PersonProgress) -> Approval:
    status = _status(context, row, person)
    return Approval(
        worker=row.worker,
        session=row.platform_session,
        study=row.platform_study,
        pseudonym=row.person,
        status=status,
        answers=person.answered,
        declined=person.declined,
        minutes=round(60 * person.hours, 1),
        code=_code(context, status),
    )


def _status(context: Context, row: Row[Any], person: PersonProgress) -> Literal["approve", "screened", "incomplete"]:
    """Approve who has done their part, whether or not they have seen the last page."""
    if person.status == "screened":
        return "screened"
    platform, answers = context.study.platform, person.answered + person.declined
    has_enough = context.study.dialogue is None and platform is not None and answers >= platform.items
    return "approve" if has_enough or row.completed is not None else "incomplete"


def _code(context: Context, status: str) -> str:
    study = context.study
    endings = {"approve": study.platform, "screened": study.screen_out}
    ending = endings.get(status)
    return "" if ending is None else ending.code or ""


def as_csv(lines: Iterable[Approval]) -> str:
    """The list as CSV. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    names = [column.name for column in fields(Approval)]
    table.writerow(names)
    table.writerows([csv_cell(f"{getattr(line, name)}") for name in names] for line in lines)
    return out.getvalue()


def csv_cell(text: str) -> str:
    """A cell; one that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA) else text
