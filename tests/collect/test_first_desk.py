"""A desk made before its parts and the fields of records were renamed: people go on where they were."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from small_desks import lay, task
from sqlalchemy import select

from accord.collect import Desk, Practice
from accord.collect.desk import tables
from accord.feedback import Ledger
from accord.records import Label

OLD = (Path(__file__).parent / "desk_of_first_names.sql").read_text()
BEGINNER, ANSWERER = "p-9f7a946e2d", "p-13f4fd8555"
THEN = datetime(2026, 11, 28, 17, 0, tzinfo=UTC)  # a minute after the desk was left: its sessions and drafts are open
DIGEST = "2fc5932a6049b0dc0b0f6ba264e94cd9d506db198163759b146a562f9108f895"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The old desk, opened with its study as it is written now."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as raw:
        raw.executescript(OLD)
    practice = {"prompt": "P", "completions": ["x"], "explanation": "why"}
    practice["gold"] = {"kind": "label", "chosen": ["b"], "offered": ["a", "b"]}
    study = lay(
        tmp_path,
        [{"prompt": f"Q{number}", "completions": [f"a{number}"]} for number in range(4)],
        practice_items=[practice],
        name="s",
        question={"kind": "label", "text": "Q?", "labels": ["a", "b"]},
        instructions="Be kind.",
    )
    with Ledger(tmp_path / "old.db") as ledger:
        yield Desk(study, ledger, clock=lambda: THEN)


def test_an_account_and_the_sessions_of_then(tmp_path: Path) -> None:
    """The account runs the studies that were there, and no other; people stay signed in, whoever runs it does not."""
    account = PasswordHasher().hash("the password of then")
    sessions = [
        ("theirs", "person", BEGINNER, 60),
        ("expired", "person", BEGINNER, -60),
        ("running", "admin", "kim", 60),
    ]
    with closing(sqlite3.connect(tmp_path / "old.db")) as raw:
        raw.executescript(OLD)
        raw.execute("INSERT INTO collect_admins VALUES ('kim', ?)", [account])
        for name, kind, subject, seconds in sessions:
            row = (hashlib.sha256(name.encode()).hexdigest(), kind, subject, "{}", 0.0, THEN.timestamp() + seconds)
            raw.execute("INSERT INTO collect_logins VALUES (?, ?, ?, ?, ?, ?)", row)
        raw.commit()
    question = {"kind": "label", "text": "Q?", "labels": ["a", "b"]}
    with Ledger(tmp_path / "old.db") as ledger:
        desk = Desk(lay(tmp_path, name="s", question=question), ledger, clock=lambda: THEN)
        other = Desk(lay(tmp_path, name="other", question=question), ledger, clock=lambda: THEN)
        assert desk.check_admin("kim", "the password of then")
        assert not other.check_admin("kim", "the password of then")
        login = desk.sessions.find("theirs")
        assert login is not None
        assert (login.kind, login.subject) == ("person", BEGINNER)
        gone = ((desk, "running"), (desk, "expired"), (other, "theirs"))
        assert [each.sessions.find(name) for each, name in gone] == [None] * 3


def test_the_files_of_then_hold_the_items_of_then(desk: Desk) -> None:
    assert desk.load_items().new == 0
    [record] = desk.ledger.feedback()
    assert record.instructions == DIGEST == desk.study.guideline_digest


def test_a_draft_and_a_known_answer_of_then_are_read(desk: Desk) -> None:
    step = desk.next(BEGINNER)
    assert isinstance(step, Practice)
    assert step.task.draft == {"chosen": "a"}
    receipt = desk.submit(BEGINNER, step.task.reservation, {"chosen": "a"})
    assert receipt.practice is not None
    assert (receipt.practice.correct, receipt.practice.explanation) == (False, "why")
    assert receipt.practice.expected == Label(selected=("b",), options=("a", "b"))


def test_an_answer_of_then_is_taken_back_and_replaced(desk: Desk) -> None:
    person = desk.person(ANSWERER)
    assert person is not None
    assert task(desk, person).position_in_session == 1
    redo = desk.undo(ANSWERER)
    assert redo.draft == {"chosen": "b"}
    desk.submit(ANSWERER, redo.reservation, {"none": "1"})
    first, second = desk.ledger.feedback()
    assert (second.replaces, second.judgement) == (first.id, Label(selected=(), options=("a", "b")))
    progress = desk.progress()
    assert (progress.answers, progress.replaced, progress.rows) == (1, 1, 2)


def test_votes_known_answers_and_rulings_of_before_are_of_the_only_question(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as raw:
        raw.executescript(OLD)
        raw.execute("UPDATE collect_items SET adjudicated = 'f-1' WHERE purpose = 'item' AND place = 1")
        before = raw.execute(
            "SELECT id, feedback, opinion FROM collect_reservations WHERE feedback IS NOT NULL"
        ).fetchall()
        raw.commit()
    question = {"kind": "label", "text": "Q?", "labels": ["a", "b"]}
    with Ledger(tmp_path / "old.db") as ledger:
        Desk(lay(tmp_path, name="s", question=question), ledger, clock=lambda: THEN)
        with ledger.begin() as connection:
            answers = connection.execute(select(tables.answers)).all()
            items = connection.execute(
                select(tables.items).order_by(tables.items.c.purpose, tables.items.c.place)
            ).all()
    assert [(row.reservation, row.feedback, row.vote) for row in answers] == before
    assert {row.question for row in answers} == {""}
    assert [row.votes for row in items if row.votes] == [{"": {"b": 1}}]
    assert [row.rulings for row in items if row.rulings] == [{"": "f-1"}]
    assert [list(row.gold) for row in items if row.gold] == [[""]]
