"""Recorded answers: kept whole or not at all, forgotten when their time is over, read with their digests checked."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, inspect, select, update

from accord.errors import LedgerError
from accord.feedback.deployment.answers import Counts, RecordedAnswer, ServingSession
from accord.feedback.deployment.tables import MIGRATIONS, VERSION_TABLE, answers, keys, sessions
from accord.feedback.store.database import migrate
from accord.feedback.store.file_modes import close_to_others
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File
from accord.feedback.store.rewriting import rewrite
from accord.records import parse

__all__ = ["Deployment", "Recordings", "read_recordings"]


@dataclass(frozen=True)
class Deployment:
    """What stands in a ledger of what was recorded: sessions with their counts, and answers in the order of time."""

    sessions: tuple[tuple[ServingSession, Counts], ...]
    answers: tuple[RecordedAnswer, ...]

    def session_of(self, answer: RecordedAnswer) -> ServingSession:
        """The session of an answer."""
        return next(session for session, _ in self.sessions if session.id == answer.session)


class Recordings:
    """The recorded answers beside a ledger that is open for writing. Their tables are made where they are not there."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        if isinstance(ledger.location, File):
            close_to_others(ledger.location.path)
        migrate(ledger, MIGRATIONS, VERSION_TABLE)
        with ledger.begin(immediate=True) as connection:
            self._key = _key_of(connection)

    def digest(self, kind: str, text: str) -> str:
        """A keyed digest: the same for the same text in this ledger, and nobody without the key can guess from it."""
        return hmac.new(self._key, f"{kind}\0{text}".encode(), hashlib.sha256).hexdigest()[:20]

    def begin(self, session: ServingSession) -> None:
        """Enter a session."""
        row = {"id": session.id, "content": session.model_dump_json(), "started": session.started.timestamp()}
        with self._ledger.begin(immediate=True) as connection:
            connection.execute(insert(sessions).values(row | asdict(Counts())))

    def keep(self, session: ServingSession, new: Sequence[RecordedAnswer], counts: Counts, *, now: float) -> None:
        """Write answers down in one transaction with the session's counts; what is too old or too many goes.

        Raises `LedgerError` or `StorageError` where it cannot be written; then nothing of it is.
        """
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "session": session.id,
                "time": one.time.timestamp(),
                "until": session.policy.until(one.time.timestamp()),
                "content": one.canonical(),
            }
            for one in new
        ]
        with self._ledger.begin(immediate=True) as connection:
            if rows:
                connection.execute(insert(answers), rows)
            connection.execute(update(sessions).where(sessions.c.id == session.id).values(**asdict(counts)))
            connection.execute(delete(answers).where(answers.c.until <= now))
            last = connection.scalar(
                select(answers.c.row).order_by(answers.c.row.desc()).offset(session.policy.most).limit(1)
            )
            if last is not None:
                connection.execute(delete(answers).where(answers.c.row <= last))

    def forget(self, name: str) -> bool:
        """Forget the answer of that id; whether there was one."""
        with self._ledger.begin(immediate=True) as connection:
            return connection.execute(delete(answers).where(answers.c.name == name)).rowcount > 0

    def clear_away(self, now: float) -> str:
        """Forget what is too old and overwrite what was deleted. What is left on the disk, and why; "" for nothing."""
        with self._ledger.begin(immediate=True) as connection:
            connection.execute(delete(answers).where(answers.c.until <= now))
        return rewrite(self._ledger.store, [answers.name])


def read_recordings(location: Path | str) -> Deployment:
    """What was recorded in a ledger, without what is to be forgotten by now.

    Raises `LedgerError` where it is none, holds no recordings, or an answer is not what its id says.
    """
    with Ledger(location, write=False) as ledger, ledger.begin() as connection:
        if not inspect(connection).has_table(answers.name):
            raise LedgerError(f"{ledger.location}: nothing was recorded here; `accord serve RUN --record LEDGER` does")
        rows = connection.execute(select(sessions).order_by(sessions.c.started, sessions.c.id)).all()
        known = tuple(
            (
                parse(ServingSession, row.content, place=f"{ledger.location} session {row.id}"),
                Counts(row.requests, row.declines, row.draws, row.records, row.losses),
            )
            for row in rows
        )
        now = datetime.now(UTC).timestamp()
        chosen = select(answers).where(answers.c.until > now).order_by(answers.c.time, answers.c.row)
        of_table = [_answer(row.id, row.content, str(ledger.location)) for row in connection.execute(chosen)]
    return Deployment(known, _of_known(of_table, {session.id for session, _ in known}, str(ledger.location)))


def _answer(stated: str, content: str, place: str) -> RecordedAnswer:
    if RecordedAnswer.name_of(content) != stated:
        raise LedgerError(f"{place}: altered after it was written (its content is not that of {stated})")
    return parse(RecordedAnswer, content, place=f"{place} {stated}")


def _of_known(of_table: Iterable[RecordedAnswer], known: set[str], place: str) -> tuple[RecordedAnswer, ...]:
    all_answers = tuple(of_table)
    for one in all_answers:
        if one.session not in known:
            raise LedgerError(f"{place}: the answer {one.id} is of no session that is there ({one.session})")
    return all_answers


def _key_of(connection: Connection) -> bytes:
    """The key of digests, drawn once a ledger."""
    if connection.scalar(select(func.count()).select_from(keys)) == 0:
        connection.execute(insert(keys).values(row=1, key=secrets.token_hex(32)))
    return bytes.fromhex(str(connection.scalar(select(keys.c.key).where(keys.c.row == 1))))
