"""How a study stands: numbers that add up, and flags that fire on a planted fault and not on a clean control."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_desks import Clock, join, lay, opened, pairs, task

from accord.collect import ClientTelemetry, Desk, Done, Flag, Person, PersonProgress, Task
from accord.collect.desk.flags import median_seconds
from accord.feedback import Ledger

GOLD = pairs(40, gold={"kind": "comparison", "preferred": "left"})
for number, control in enumerate(GOLD):
    control["prompt"] = f"Control {number}"
WORDS = "word " * 60
LONG = [{"prompt": f"Q{n}", "completions": [f"good {WORDS}{n}", f"bad {WORDS}{n}"]} for n in range(150)]


def better(current: Task) -> str:
    return "left" if current.completions[0].text.startswith("good") else "right"


def work(
    desk: Desk, clock: Clock, person: Person, n: int, say: Callable[[Task, int], dict[str, str]], seconds: float = 30.0
) -> None:
    """A person answers n items, each in so many seconds."""
    for number in range(n):
        current = task(desk, person)
        clock.move(seconds=seconds)
        desk.submit(person, current.reservation, say(current, number))


def of(desk: Desk, person: Person) -> PersonProgress:
    return {row.pseudonym: row for row in desk.progress().people}[person.pseudonym]


def names(flags: tuple[Flag, ...]) -> set[str]:
    return {flag.name for flag in flags}


def careful(current: Task, number: int) -> dict[str, str]:
    return {"preferred": better(current)}


def wrong(current: Task, number: int) -> dict[str, str]:
    other = {"left": "right", "right": "left"}[better(current)]
    return {"preferred": other if number % 3 else better(current)}


def changing() -> Callable[[Task, int], dict[str, str]]:
    """One who thinks otherwise when asked again."""
    known: set[str] = set()

    def say(current: Task, number: int) -> dict[str, str]:
        again = current.prompt.id in known
        known.add(current.prompt.id)
        return {"preferred": better(current) if again else "tie"}

    return say


FAULTS: list[tuple[str, Callable[[Task, int], dict[str, str]], float]] = [
    ("too fast", careful, 2.0),
    ("gold low", wrong, 30.0),
    ("side bias", lambda current, n: {"preferred": "left"}, 30.0),
    ("repeats differ", changing(), 30.0),
    ("declines often", lambda current, n: {"declined": "1"} if n % 2 else careful(current, n), 30.0),
]


def test_a_planted_fault_is_flagged_and_a_careful_person_is_not(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        study = lay(tmp_path, LONG, overlap=9, gold_items=GOLD, gold_share=0.2, repeat_share=0.3, session_items=200)
        desk = opened(study, ledger, clock)
        anna = join(desk)
        work(desk, clock, anna, 60, careful)
        pseudonyms = {}
        for name, fault, seconds in FAULTS:
            person = join(desk)
            work(desk, clock, person, 60, fault, seconds)
            pseudonyms[name] = person.pseudonym
        progress = {row.pseudonym: row for row in desk.progress().people}
    assert progress[anna.pseudonym].flags == ()
    for name, pseudonym in pseudonyms.items():
        assert name in names(progress[pseudonym].flags)
        assert all(flag.message for flag in progress[pseudonym].flags)


def test_pasted_answers_are_flagged(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        study = lay(
            tmp_path, [{"prompt": f"Write {n}."} for n in range(20)], question={"kind": "demonstration"}, overlap=2
        )
        desk = opened(study, ledger)
        for person, pasted in ((join(desk), 0), (join(desk), 300)):
            for _ in range(20):
                current = task(desk, person)
                desk.submit(
                    person, current.reservation, {"text": "Text."}, ClientTelemetry(pasted=pasted, keystrokes=5)
                )
        anna, ben = desk.progress().people
    assert "pasted" not in names(anna.flags)
    assert "pasted" in names(ben.flags)
    assert ben.pasted is not None
    assert (ben.pasted.value, ben.pasted.n) == (1.0, 20)


def test_a_few_answers_flag_nobody(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, LONG), ledger, clock)
        anna = join(desk)
        work(desk, clock, anna, 4, lambda current, n: {"preferred": "left"}, seconds=20.0)
        assert of(desk, anna).flags == ()


def test_pay_hours_and_cost_by_hand(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        study = lay(tmp_path, pairs(10), overlap=2, pay={"per_item": 0.5, "per_hour": 12.0, "currency": "GBP"})
        desk = opened(study, ledger, clock)
        assert desk.progress().paid_per_label is None
        anna = join(desk)
        work(desk, clock, anna, 4, careful, seconds=90.0)
        current = task(desk, anna)
        clock.move(seconds=90)
        desk.decline(anna, current.reservation)
        back = desk.undo(anna)
        clock.move(seconds=90)
        desk.submit(anna, back.reservation, {"declined": "1", "reason": "no idea"})
        progress = desk.progress()
    assert progress.hours == pytest.approx(6 * 90 / 3600), "the time of what was taken back is time"
    assert progress.paid == pytest.approx(0.5 * 5 + 12 * 0.15)
    assert progress.paid_per_label == pytest.approx(progress.paid / 4)
    assert progress.currency == "GBP"
    assert (progress.answers, progress.declined, progress.replaced, progress.rows, progress.target) == (4, 1, 1, 6, 20)
    assert progress.seconds is not None
    assert (progress.seconds.value, progress.seconds.n, progress.seconds.low) == (90.0, 5, None)


def test_agreement_and_disagreement(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(8), overlap=2), ledger)
        for turned in (0, 2):
            person = join(desk)
            for _ in range(8):
                current = task(desk, person)
                other = int(current.prompt.text.split()[1]) < turned
                side = better(current) if not other else {"left": "right", "right": "left"}[better(current)]
                desk.submit(person, current.reservation, {"preferred": side})
        progress = desk.progress()
    assert progress.agreement is not None
    assert (progress.agreement.value, progress.agreement.n) == (0.75, 16)  # each of the two held against the other
    assert progress.alpha is not None
    assert progress.alpha.value == pytest.approx(1 - 0.25 / (8 / 15.5))  # a quarter of the pairs, each way round
    assert sorted(item.disagreement or 0 for item in progress.items)[-2:] == [pytest.approx(0.8416, abs=1e-4)] * 2
    assert {item.closed for item in progress.items} == {"full"}


def test_ratings_have_an_alpha(tmp_path: Path) -> None:
    scale = {"low": 1, "high": 5, "step": 1}
    items = [{"prompt": f"Q{n}", "completions": [f"text {n}"]} for n in range(6)]
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, items, question={"kind": "rating", "scale": scale}, overlap=2), ledger)
        for _ in range(2):
            person = join(desk)
            for _ in range(6):
                current = task(desk, person)
                value = 1 + int(current.prompt.text[1:]) % 5
                desk.submit(person, current.reservation, {"value": str(value)})
        alpha = desk.progress().alpha
    assert alpha is not None
    assert alpha.value == pytest.approx(1.0)


def test_an_empty_study_has_no_numbers(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        progress = opened(lay(tmp_path), ledger).progress()
    assert (progress.rows, progress.answers, progress.people, progress.composition) == (0, 0, (), ())
    assert (progress.seconds, progress.gold, progress.agreement, progress.paid_per_label) == (None, None, None, None)


def test_composition_comes_to_its_target_though_one_group_comes_more_often(tmp_path: Path) -> None:
    """Of ten who come, eight are old; the target is half and half. Two old people wait at the end, and then may."""
    clock = Clock()
    keys = {"attributes": {"age": ["young", "old"]}, "quotas": {"age": {"young": 0.5, "old": 0.5}}}
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(20), overlap=2, quota_wait_hours=1.0, **keys), ledger, clock)
        people = [join(desk, age="young" if n % 5 == 0 else "old") for n in range(10)]
        draw = np.random.default_rng(0)
        waits = 0
        for _ in range(400):
            person = people[draw.integers(10)]
            step = desk.next(person)
            if isinstance(step, Task):
                clock.move(seconds=5)
                desk.submit(person, step.reservation, careful(step, 0))
            elif isinstance(step, Done):
                waits += step.reason == "quota"
        shares = {group.group: group for group in desk.progress().composition}
        assert (shares["young"].answers, shares["old"].answers) == (20, 20)
        assert waits > 0
        assert shares["old"].target == 0.5
        by_item = {}
        for group in ledger.feedback():
            by_item.setdefault(group.prompt, set()).add(group.evaluator)
        old = {person.evaluator for person in people if person.attributes["age"] == "old"}
        mixed = sum(len(group & old) == 1 for group in by_item.values())
        assert mixed >= 12, "an item's own places are mixed too"


def test_the_last_people_are_never_kept_waiting(tmp_path: Path) -> None:
    clock = Clock()
    keys = {"attributes": {"age": ["young", "old"]}, "quotas": {"age": {"young": 0.5, "old": 0.5}}}
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desk = opened(lay(tmp_path, pairs(8), quota_wait_hours=1.0, session_items=100, **keys), ledger, clock)
        ben, anna = join(desk, age="old"), join(desk, age="young")
        for _ in range(4):
            current = task(desk, ben)
            desk.submit(ben, current.reservation, careful(current, 0))
        waiting = desk.next(ben)
        assert isinstance(waiting, Done)
        assert waiting.reason == "quota"
        clock.move(hours=2)
        assert isinstance(desk.next(ben), Task), f"{anna.pseudonym} was not seen for an hour"


def test_nobody_timed_has_no_median() -> None:
    assert median_seconds([]) is None


def test_times_and_shares_say_what_they_leave_out(tmp_path: Path) -> None:
    study = lay(tmp_path, pairs(12), gold_items=GOLD[:3], gold_share=0.4)
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger, clock)
        person = join(desk)
        while isinstance(current := desk.next(person), Task):
            clock.move(minutes=-1 if current.number == 2 else 1)
            desk.decline(person, current.reservation, "")
        progress = desk.progress()
        controls = sum(record.gold is not None for record in ledger.feedback())
    assert controls > 0
    assert progress.gold is None
    assert progress.left_out["gold"] == f"{controls} declined or not comparable not counted"
    assert progress.left_out["seconds"] == "1 without a time not counted"
