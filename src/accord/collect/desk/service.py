"""The desk: the service that runs one study on one ledger, as one small class over the parts that do it.

    invites  sign_in  accounts  erasure    who may come in; being paused, being forgotten
    item_loading  dispatch                 what there is to judge, and what is next for a person
    submission  turn_answers               an answer, taken in once and for good
    adjudication  progress                 what whoever runs the study sees and rules
    lookup                                 items, answers and people, searched and opened one by one

Every method is one transaction (or a few that each leave a whole state), and may be called by any number of threads
and processes at once. Whatever is raised on purpose is an `AccordError` whose message is for the person in front of
the screen.

`accept` redeems invites and the sign-in links of `link`; `examine` tells what a token would let in without using it.
Where a person is asked for, a `Person` or a pseudonym will do.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from accord.collect.desk import (
    accounts,
    adjudication,
    chats,
    dispatch,
    erasure,
    invites,
    item_import,
    item_loading,
    names,
    platform,
    progress,
    sign_in,
    submission,
    tables,
    turn_answers,
    undo,
)
from accord.collect.desk.context import Context
from accord.collect.desk.dialogues import is_turn
from accord.collect.desk.identities import Admission, DeviceCode, Invite, Person, PlatformIds
from accord.collect.desk.item_table import item_table
from accord.collect.desk.lookup import Lookup
from accord.collect.desk.overview import DisputedItem, ItemTotals, StudyProgress
from accord.collect.desk.platform import Approval
from accord.collect.desk.tasks import ClientTelemetry, NextStep, Receipt, Task
from accord.collect.sources.answering import Answerer
from accord.collect.study import Study
from accord.errors import StudyError
from accord.feedback.store.database import migrate
from accord.feedback.store.file_modes import close_to_others
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File
from accord.interfaces import Judge, Writer
from accord.records import Feedback

__all__ = ["Desk"]

log = logging.getLogger("accord.collect")
NO_TELEMETRY = ClientTelemetry()
SEVERAL = "several questions"
MIGRATIONS = "accord.collect.desk.migrations"


def _utc() -> datetime:
    return datetime.now(UTC)


class Desk:
    """A study at work on a ledger. The desk's tables are made, or brought up to date, when it opens.

    `tag` is a short name that no other study has, on this ledger or another: cookies are called by it; `house_tag` is
    the ledger's, for what its studies share. `clock` gives the time with its zone; `seed` decides every lot; `writer`
    writes candidates for bare prompts, and `judge` says where its uncertainty and people's disagreement differ
    (`choose = "disagreement"`). `assistant` is asked for the remarks beside items where the study names an endpoint
    (`assist.by`): critiques or marked stretches, one completion at a time.

    Raises `StudyError` where a study of this name asks another question and `changed` does not say that this is meant,
    or where it is to choose by disagreement or to show an endpoint's remarks and no judge or assistant is handed in.
    """

    def __init__(
        self,
        study: Study,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime] = _utc,
        seed: int = 0,
        writer: Writer | None = None,
        judge: Judge | None = None,
        changed: bool = False,
        assistant: Answerer | None = None,
    ) -> None:
        if study.choose == "disagreement" and judge is None:
            raise StudyError(
                "study.choose: by disagreement needs a judge; hand one in (accord collect --judge RUN), or choose by "
                "coverage"
            )
        if study.assist is not None and study.assist.is_endpoint and assistant is None:
            raise StudyError(
                f"study.assist.by: {study.assist.by} is an endpoint, and nobody asks it; hand in an assistant (accord "
                f"collect does), or name a file of prepared remarks"
            )
        self.study, self.ledger = study, ledger
        self.context = Context(study, ledger, clock, seed, writer, judge, changed, assistant)
        self.sessions, self.lookup = sign_in.Logins(self.context), Lookup(self.context)
        _close_to_others(ledger)
        migrate(ledger, MIGRATIONS, tables.VERSION_TABLE)
        with ledger.begin(immediate=True) as connection:
            invites.make_secret(connection)
            _enter_study(connection, study, changed)
            self.tag = _tag(connection, f"tag {study.name}")
            self.house_tag = _tag(connection, "tag of all studies")
        if study.chat is not None:
            chats.forget_unjudged(self.context)
        if traces := self.erase_again():
            log.warning("somebody was erased, and is still in %s; the next start tries again", traces)

    def load_items(self) -> ItemTotals:
        """Bring the study's files onto the desk; again without harm. Raises what names file and line."""
        return item_loading.load_items(self.context)

    def add_items(self, path: Path, *, by: str | None = None) -> item_import.AddedItems:
        """Add the items of a file to what is asked, while people answer. Raises what names every line that is wrong."""
        return item_import.add_items(self.context, path, by=by)

    def preview_items(self, path: Path) -> item_import.ItemPreview:
        """What `add_items` would do with a file; nothing is added."""
        return item_import.preview_items(self.context, path)

    # -- people -------------------------------------------------------------------------------------------------

    def invite(
        self, *, note: str = "", days: float = 14, attributes: Mapping[str, str] | None = None, expert: bool = False
    ) -> Invite:
        """A signed invite for one new person (an `expert`, where that is so), good once and for so many days."""
        return invites.invite(self.context, note=note, days=days, attributes=attributes, expert=expert)

    def link(self, pseudonym: str, *, days: float = 2) -> Invite:
        """A signed link for somebody who is known, to sign in on another machine; good once."""
        return invites.link(self.context, pseudonym, days=days)

    def device_code(self, person: Person | str) -> DeviceCode:
        """A short code to sign in on another machine, once, within ten minutes. Raises `AccessError`."""
        return invites.device_code(self.context, _pseudonym(person))

    def accept_code(self, code: str) -> Person:
        """Let in whoever's code this is. Raises `AccessError`."""
        return accounts.accept_code(self.context, code)

    def examine(self, token: str) -> Admission:
        """What a token would let in, without using it. Raises `AccessError`."""
        return invites.examine(self.context, token)

    def accept(
        self,
        token: str,
        *,
        consent: bool,
        attributes: Mapping[str, str] | None = None,
        name: str | None = None,
        contact: str | None = None,
    ) -> Person:
        """Let in whoever has the token. Raises `AccessError`, or `FormError` where consent is missing."""
        own = attributes or {}
        return accounts.accept(self.context, token, consent=consent, attributes=own, name=name, contact=contact)

    def take_part(self, person: Person, *, consent: bool, attributes: Mapping[str, str] | None = None) -> Person:
        """Let in somebody who takes part in another study of this ledger, as the same evaluator.

        Raises `AccessError`, or `FormError` where consent is missing.
        """
        own = attributes or {}
        return accounts.take_part(
            self.context, person.pseudonym, consent=consent, attributes=own, from_study=person.study
        )

    def left(self, person: Person | str) -> int:
        """How many items there are for a person that they have not had, as far as can be told now."""
        return dispatch.items_left(self.context, _pseudonym(person))

    def enter(self, ids: PlatformIds, *, consent: bool, attributes: Mapping[str, str] | None = None) -> Person:
        """Let in a worker of a platform. Raises `AccessError`, or `FormError` where consent is missing."""
        return platform.enter(self.context, ids, consent=consent, attributes=attributes or {})

    def is_worker(self, person: Person | str, ids: PlatformIds) -> bool:
        """Whether a person is this worker of a platform."""
        return platform.is_of(self.context, _pseudonym(person), ids)

    def person(self, pseudonym: str) -> Person | None:
        """A person of this study; None where there is none."""
        return accounts.find(self.context, pseudonym)

    def contact(self, pseudonym: str) -> tuple[str, str] | None:
        """A person's name and how to reach them, where they said so and were not erased."""
        return accounts.contact(self.context, pseudonym)

    def pause(self, pseudonym: str, why: str, *, excluded: bool = False) -> None:
        """Ask somebody nothing more until `resume`; `excluded` notes that training is to leave their answers out."""
        accounts.pause(self.context, pseudonym, why, excluded=excluded)

    def exclude(self, pseudonym: str, *, excluded: bool = True) -> None:
        """Note whether training is to leave somebody's answers out; a recipe does, by `excluded_evaluators`."""
        accounts.exclude(self.context, pseudonym, excluded=excluded)

    def excluded_evaluators(self) -> dict[str, str]:
        """By pseudonym, the ids for `[data] exclude` of a recipe."""
        return accounts.excluded_evaluators(self.context)

    def change_identity(self, pseudonym: str, fields: Mapping[str, str], by: str) -> None:
        """Write down name, contact and note of somebody. Raises `AccessError`, `FormError`, `LedgerError`."""
        names.change_identity(self.context, pseudonym, fields, by)

    def resume(self, pseudonym: str) -> None:
        """Go on asking somebody."""
        accounts.resume(self.context, pseudonym)

    def erase(self, pseudonym: str) -> str:
        """Forget who somebody is; what they judged stays under the pseudonym. Can be done again.

        Returns what is still on the disk, and why, where somebody reads an older state; "" where nothing is.
        """
        return erasure.erase(self.context, pseudonym)

    def erase_again(self) -> str:
        """Do what an erasure had to leave, where there is any; returns what is left still."""
        with self.context.reading() as tx:
            due = erasure.rewrite_is_due(tx)
        return erasure.rewrite(self.context) if due else ""

    # -- asking -------------------------------------------------------------------------------------------------

    def next(self, person: Person | str) -> NextStep:
        """What is next for a person; the same again until they answer."""
        return dispatch.next_step(self.context, _pseudonym(person))

    def save_draft(self, person: Person | str, reservation: str, form: Mapping[str, str]) -> None:
        """Keep a form as far as it is filled in."""
        keep = turn_answers.save_draft if is_turn(reservation) else submission.save_draft
        keep(self.context, _pseudonym(person), reservation, form)

    def submit(
        self,
        person: Person | str,
        reservation: str,
        form: Mapping[str, str],
        telemetry: ClientTelemetry = NO_TELEMETRY,
    ) -> Receipt:
        """Take an answer in. Raises `FormError` or `Conflict`; what was sent is kept in either case."""
        take = turn_answers.judge if is_turn(reservation) else submission.submit
        return take(self.context, _pseudonym(person), reservation, form, telemetry)

    def say(self, person: Person | str, turn: str, text: str, telemetry: ClientTelemetry = NO_TELEMETRY) -> None:
        """Say something in a dialogue, which `next` then has answered. Raises as `submit` does."""
        turn_answers.say(self.context, _pseudonym(person), turn, text, telemetry)

    def end(self, person: Person | str, turn: str) -> None:
        """End a dialogue that has turns enough. Raises as `submit` does."""
        turn_answers.end(self.context, _pseudonym(person), turn)

    def decline(
        self,
        person: Person | str,
        reservation: str,
        reason: str = "",
        telemetry: ClientTelemetry = NO_TELEMETRY,
    ) -> Receipt:
        """Take in that somebody cannot or would rather not judge an item (`"content warning"` where that is why)."""
        return self.submit(person, reservation, {"declined": "1", "reason": reason}, telemetry)

    def undo(self, person: Person | str) -> Task:
        """Take back the last answer of this session, then the one before it; the next one sent replaces it."""
        return undo.undo(self.context, _pseudonym(person))

    def can_undo(self, person: Person | str) -> bool:
        """Whether there is an answer of this session (another one, after `undo`) to take back."""
        return undo.can_undo(self.context, _pseudonym(person))

    # -- running the study --------------------------------------------------------------------------------------

    def progress(self) -> StudyProgress:
        """How the study stands: counts, speed, gold accuracy, agreement, composition, pay, and whom to talk to."""
        return progress.progress_of(self.context)

    def approvals(self) -> list[Approval]:
        """Who came from a platform, whether to approve them, and what they did."""
        return platform.approvals(self.context)

    def item_table(self) -> str:
        """The items with their metadata, how far they are and the votes on each question, as CSV."""
        return item_table(self.context)

    def disputed(self, limit: int = 20) -> list[DisputedItem]:
        """Items that people answered differently, the widest disagreement first."""
        return adjudication.disputed_items(self.context, limit)

    def disputed_item(self, item: str, question: str = "") -> DisputedItem | None:
        """One of them, on a question by name or the first that is disputed; None where people agree."""
        return adjudication.disputed_item(self.context, item, question)

    def adjudicate(self, item: str, form: Mapping[str, str], by: str) -> Feedback:
        """Rule on an item, about its completions in the order of `disputed`."""
        return adjudication.adjudicate(self.context, item, form, by)

    def set_admin(self, name: str, password: str, *, sees_names: bool = False) -> None:
        """Let somebody run the study by this name and password; `sees_names`: they may see who its people are."""
        sign_in.set_admin(self.context, name, password, sees_names=sees_names)

    def check_admin(self, name: str, password: str) -> bool:
        """Whether this is the password of somebody who may run the study."""
        return sign_in.check_admin(self.context, name, password)

    def mark_browser(self, name: str) -> str:
        """A mark for the browser in which whoever runs the study signed in."""
        return sign_in.mark_browser(self.context, name)

    def is_known_browser(self, name: str, mark: str) -> bool:
        """Whether they signed in, in the browser that shows this mark, by the password that they have."""
        return sign_in.is_known_browser(self.context, name, mark)


def _tag(connection: Connection, name: str) -> str:
    secret = invites.signing_secret(connection)
    return hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()[:10]


def _close_to_others(ledger: Ledger) -> None:
    """The file holds names, the secret of the invites and unused ones: what others could read of it is said."""
    location = ledger.location
    if isinstance(location, File):
        match close_to_others(location.path):
            case True:
                log.warning(
                    "%s: all users of this machine could read it; it is closed to them now (mode 600)", location
                )
            case None:
                log.warning("%s: all users of this machine can read it; have its owner run chmod 600 on it", location)
            case False:
                pass


def _enter_study(connection: Connection, study: Study, changed: bool) -> None:
    """Enter a study by name, with its question. Raises `StudyError` where one of this name asks something else."""
    table, guideline = tables.studies, study.what_is_asked()
    kind = SEVERAL if study.questionnaire.several else study.question.kind
    row = connection.execute(select(table).where(table.c.name == study.name)).one_or_none()
    if row is None:
        connection.execute(insert(table).values(name=study.name, kind=kind, asked=guideline))
        return
    if row.kind != kind and not (changed and SEVERAL in {row.kind, kind}):
        raise StudyError(
            f"study.name: a study '{study.name}' of kind '{row.kind}' is in this ledger; give one of kind "
            f"'{kind}' a name of its own"
        )
    if row.asked is not None and row.asked != guideline and not changed:
        key = next(name for name in (*guideline, *row.asked) if guideline.get(name) != row.asked.get(name))
        raise StudyError(
            f"study.name: the study '{study.name}' of this ledger has another {key} ({row.asked.get(key)!r:.80}, now "
            f"{guideline.get(key)!r:.80}); give this one a name of its own, or confirm that it is that study, changed "
            f"(accord collect --changed)"
        )
    connection.execute(update(table).where(table.c.name == study.name).values(kind=kind, asked=guideline))


def _pseudonym(person: Person | str) -> str:
    return person if isinstance(person, str) else person.pseudonym
