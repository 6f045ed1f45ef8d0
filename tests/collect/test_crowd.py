"""Two hundred people at one desk at once: nothing is lost or doubled, and no item is asked of more than its overlap."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from small_desks import join, lay, opened, pairs
from sqlalchemy import func, select

from accord.collect import Break, Desk, Done, Person, Task
from accord.collect.desk import tables
from accord.errors import Conflict, LedgerError
from accord.feedback import Ledger, current_feedback

ITEMS, HELD = tables.items, tables.reservations


class Time:
    """Goes on by some seconds whenever anybody looks, for all threads."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.lock = threading.Lock()

    def __call__(self) -> datetime:
        with self.lock:
            self.now += timedelta(seconds=2)
            return self.now

    def think(self, seconds: float) -> None:
        with self.lock:
            self.now += timedelta(seconds=seconds)


class Crowd:
    """People with habits: most answer after a while; some leave with an item in hand, come late, or send twice."""

    def __init__(self, desk: Desk, clock: Time, people: Sequence[Person], seed: int) -> None:
        self.desk, self.clock, self.people, self.random = desk, clock, list(people), Random(seed)
        self.acknowledged: list[str] = []
        self.held: list[tuple[Person, str]] = []
        self.problems: list[BaseException] = []

    def __call__(self) -> None:
        try:
            while self.people:
                self.visit(self.random.choice(self.people))
        except BaseException as error:  # noqa: BLE001 - shown by the test that started the thread
            self.problems.append(error)

    def visit(self, person: Person) -> None:
        found = self.desk.next(person)
        if isinstance(found, Done):
            self.people.remove(person)
            return
        if not isinstance(found, Task):
            assert isinstance(found, Break)
            self.clock.think(60)
            return
        self.clock.think(self.random.expovariate(1 / 15))
        match self.random.choices(["answer", "twice", "leave", "late", "decline", "undo"], [70, 8, 8, 5, 4, 5])[0]:
            case "answer":
                self.send(person, found.reservation)
            case "twice":
                self.send(person, found.reservation)
                self.send(person, found.reservation, again=True)
            case "leave":
                self.people.remove(person)
            case "late":
                self.held.append((person, found.reservation))
                self.people.remove(person)
            case "decline":
                self.acknowledged.append(self.desk.decline(person, found.reservation, "no").feedback or "")
            case _:
                self.send(person, found.reservation)
                back = self.desk.undo(person)
                self.send(person, back.reservation, side="right")

    def send(self, person: Person, reservation: str, *, side: str = "left", again: bool = False) -> None:
        accepted = self.desk.submit(person, reservation, {"preferred": side})
        assert accepted.feedback is not None
        if again:
            assert accepted.feedback in self.acknowledged
        else:
            self.acknowledged.append(accepted.feedback)


def most_taken(ledger: Ledger) -> int:
    """By how many places the fullest item is above its overlap, counted from the reservations."""
    held = select(HELD.c.item, func.count().label("n")).where(HELD.c.holds).group_by(HELD.c.item).subquery()
    with ledger.begin() as connection:
        over = connection.scalar(select(func.max(held.c.n - ITEMS.c.overlap)).join(ITEMS, ITEMS.c.id == held.c.item))
    return -1 if over is None else int(over)


def crowd(tmp_path: Path, where: Path | str, *, people: int, threads: int, items: int, overlap: int) -> None:
    clock = Time()
    with Ledger(where, pooled=True, timeout=120) as ledger:
        desk = opened(lay(tmp_path, pairs(items), overlap=overlap, break_minutes=0), ledger, clock)  # type: ignore[arg-type]
        everybody = [join(desk) for _ in range(people)]
        crowds = [Crowd(desk, clock, everybody[number::threads], number) for number in range(threads)]
        running = [threading.Thread(target=each) for each in crowds]
        for each in running:
            each.start()
        while any(each.is_alive() for each in running):
            assert most_taken(ledger) <= 0
            running[0].join(0.5)
        assert [problem for each in crowds for problem in each.problems] == []
        clock.think(3600)
        for person, reservation in [each for one in crowds for each in one.held]:
            late = desk.submit(person, reservation, {"preferred": "left"})
            crowds[0].acknowledged.append(late.feedback or "")
        check(desk, ledger, [name for each in crowds for name in each.acknowledged])


def check(desk: Desk, ledger: Ledger, acknowledged: list[str]) -> None:
    said = list(ledger.feedback())
    assert Counter(each.id for each in said) == Counter(acknowledged), "nothing lost, nothing doubled"
    progress = desk.progress()
    counted = progress.answers + progress.declined + progress.replaced + progress.surplus
    assert counted == progress.rows == len(said)
    assert all(each.answered <= each.overlap for each in progress.items)
    assert all(each.answered + each.open <= each.overlap for each in progress.items)
    assert sum(each.answered for each in progress.items) == progress.answers
    stands = Counter((each.evaluator, each.prompt) for each in current_feedback(said))
    assert set(stands.values()) == {1}, "nobody is asked the same twice"


def test_a_small_crowd(tmp_path: Path) -> None:
    crowd(tmp_path, tmp_path / "l.db", people=24, threads=4, items=10, overlap=4)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_people_in_eight_threads(tmp_path: Path, where: Path | str) -> None:
    crowd(tmp_path, where, people=200, threads=8, items=80, overlap=5)


def test_two_people_and_the_last_place(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger)
        people = [join(desk) for _ in range(6)]
        found: list[object] = []
        running = [threading.Thread(target=lambda one=one: found.append(desk.next(one))) for one in people]  # type: ignore[misc]
        for each in running:
            each.start()
        for each in running:
            each.join()
        assert sum(isinstance(each, Task) for each in found) == 1
        assert sum(isinstance(each, Break) for each in found) == 5


def test_the_same_form_from_two_tabs_is_one_answer(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(2)), ledger)
        anna = join(desk)
        held = desk.next(anna)
        assert isinstance(held, Task)
        name = held.reservation
        found: list[object] = []

        def send(side: str) -> None:
            try:
                found.append(desk.submit(anna, name, {"preferred": side}))
            except Conflict as error:
                found.append(error.reason)

        running = [threading.Thread(target=send, args=(side,)) for side in ("left", "left", "right", "right")]
        for each in running:
            each.start()
        for each in running:
            each.join()
        assert ledger.rows() == 1
        assert found.count("already answered") == 2


def test_threads_wait_for_their_turn_and_not_for_ever(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True, timeout=0.2) as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger)
        anna = join(desk)
        with ledger.begin(immediate=True), pytest.raises(LedgerError, match="locked by another thread"):
            desk.next(anna)
        assert isinstance(desk.next(anna), Task)
