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

ITEMS, RESERVATIONS = tables.items, tables.reservations


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
        self.in_hands: list[tuple[Person, str]] = []
        self.problems: list[BaseException] = []

    def __call__(self) -> None:
        try:
            while self.people:
                self.visit(self.random.choice(self.people))
        except BaseException as error:  # noqa: BLE001 - shown by the test that started the thread
            self.problems.append(error)

    def visit(self, person: Person) -> None:
        step = self.desk.next(person)
        if isinstance(step, Done):
            self.people.remove(person)
            return
        if not isinstance(step, Task):
            assert isinstance(step, Break)
            self.clock.think(60)
            return
        self.clock.think(self.random.expovariate(1 / 15))
        match self.random.choices(["answer", "twice", "leave", "late", "decline", "undo"], [70, 8, 8, 5, 4, 5])[0]:
            case "answer":
                self.send(person, step.reservation)
            case "twice":
                self.send(person, step.reservation)
                self.send(person, step.reservation, again=True)
            case "leave":
                self.people.remove(person)
            case "late":
                self.in_hands.append((person, step.reservation))
                self.people.remove(person)
            case "decline":
                self.acknowledged.append(self.desk.decline(person, step.reservation, "no").feedback or "")
            case _:
                self.send(person, step.reservation)
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
    places = (
        select(RESERVATIONS.c.item, func.count().label("n"))
        .where(RESERVATIONS.c.holds)
        .group_by(RESERVATIONS.c.item)
        .subquery()
    )
    with ledger.begin() as connection:
        over = connection.scalar(
            select(func.max(places.c.n - ITEMS.c.overlap)).join(ITEMS, ITEMS.c.id == places.c.item)
        )
    return -1 if over is None else int(over)


def crowd(tmp_path: Path, where: Path | str, *, people: int, threads: int, items: int, overlap: int) -> None:
    clock = Time()
    with Ledger(where, pooled=True, timeout=120) as ledger:
        desk = opened(lay(tmp_path, pairs(items), overlap=overlap, break_minutes=0), ledger, clock)  # type: ignore[arg-type]
        everybody = [join(desk) for _ in range(people)]
        crowds = [Crowd(desk, clock, everybody[number::threads], number) for number in range(threads)]
        running = [threading.Thread(target=crowd) for crowd in crowds]
        for thread in running:
            thread.start()
        while any(thread.is_alive() for thread in running):
            assert most_taken(ledger) <= 0
            running[0].join(0.5)
        assert [problem for crowd in crowds for problem in crowd.problems] == []
        clock.think(3600)
        for person, reservation in [pair for crowd in crowds for pair in crowd.in_hands]:
            late = desk.submit(person, reservation, {"preferred": "left"})
            crowds[0].acknowledged.append(late.feedback or "")
        check(desk, ledger, [name for crowd in crowds for name in crowd.acknowledged])


def check(desk: Desk, ledger: Ledger, acknowledged: list[str]) -> None:
    feedback = list(ledger.feedback())
    assert Counter(record.id for record in feedback) == Counter(acknowledged), "nothing lost, nothing doubled"
    progress = desk.progress()
    counted = progress.answers + progress.declined + progress.replaced + progress.surplus
    assert counted == progress.rows == len(feedback)
    assert all(item.answered <= item.overlap for item in progress.items)
    assert all(item.answered + item.open <= item.overlap for item in progress.items)
    assert sum(item.answered for item in progress.items) == progress.answers
    current = Counter((record.evaluator, record.prompt) for record in current_feedback(feedback))
    assert set(current.values()) == {1}, "nobody is asked the same twice"


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
        steps: list[object] = []
        running = [threading.Thread(target=lambda person=person: steps.append(desk.next(person))) for person in people]  # type: ignore[misc]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert sum(isinstance(step, Task) for step in steps) == 1
        assert sum(isinstance(step, Break) for step in steps) == 5


def test_the_same_form_from_two_tabs_is_one_answer(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(2)), ledger)
        anna = join(desk)
        current = desk.next(anna)
        assert isinstance(current, Task)
        name = current.reservation
        outcomes: list[object] = []

        def send(side: str) -> None:
            try:
                outcomes.append(desk.submit(anna, name, {"preferred": side}))
            except Conflict as error:
                outcomes.append(error.reason)

        running = [threading.Thread(target=send, args=(side,)) for side in ("left", "left", "right", "right")]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        assert ledger.rows() == 1
        assert outcomes.count("already answered") == 2


def test_threads_wait_for_their_turn_and_not_for_ever(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True, timeout=0.2) as ledger:
        desk = opened(lay(tmp_path, pairs(1)), ledger)
        anna = join(desk)
        with ledger.begin(immediate=True), pytest.raises(LedgerError, match="locked by another thread"):
            desk.next(anna)
        assert isinstance(desk.next(anna), Task)
