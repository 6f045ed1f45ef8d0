"""Whatever people do in whatever order, and whatever the clock does: the books balance."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from small_desks import Clock, join, join_expert, lay, opened, pairs
from sqlalchemy import select

from accord.collect import Desk, Paused, Person, Practice, Task
from accord.collect.desk import tables
from accord.collect.desk.context import Context
from accord.errors import Conflict, FormError
from accord.feedback import Ledger, current_feedback, draw_pairs

PEOPLE = 3
GOLD = [
    {**line, "prompt": f"Control {line['prompt']}"}
    for line in pairs(2, gold={"kind": "comparison", "preferred": "left"})
]
ACTS = (
    "answer",
    "other",
    "wrong",
    "draft",
    "decline",
    "undo",
    "late",
    "pause",
    "resume",
    "wait",
    "lapse",
    "back",
    "load",
)
STEP = st.tuples(st.integers(0, PEOPLE), st.sampled_from(ACTS), st.integers(0, 20))


class Play:
    """People at a desk, and what they were told is kept."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk, self.clock = desk, clock
        last = join if desk.study.experts is None else join_expert
        self.people: list[Person] = [*(join(desk) for _ in range(PEOPLE)), last(desk)]
        self.had: list[list[str]] = [[] for _ in self.people]
        self.acknowledged: set[str] = set()

    def do(self, number: int, act: str, which: int) -> None:
        person = self.people[number]
        match act:
            case "pause":
                self.desk.pause(person.pseudonym, "why")
            case "resume":
                self.desk.resume(person.pseudonym)
            case "wait":
                self.clock.move(minutes=11)
            case "lapse":
                self.clock.move(hours=1)
            case "back":
                self.clock.move(hours=-2)
            case "load":
                self.desk.load_items()
            case "late":
                if self.had[number]:
                    self.send(person, self.had[number][which % len(self.had[number])], {"preferred": "right"})
            case "undo":
                try:
                    self.had[number].append(self.desk.undo(person).reservation)
                except FormError as error:
                    assert "no answer of this session" in str(error)  # noqa: PT017
            case _:
                self.work(number, person, act)

    def work(self, number: int, person: Person, act: str) -> None:
        step = self.desk.next(person)
        again = self.desk.next(person)
        assert step == again or not isinstance(step, Task | Practice), "a reload is the same"
        current = step.task if isinstance(step, Practice) else step
        if not isinstance(current, Task):
            return
        self.had[number].append(current.reservation)
        match act:
            case "draft":
                self.desk.save_draft(person, current.reservation, {"preferred": "tie"})
            case "decline":
                self.send(person, current.reservation, {"declined": "1"})
            case "wrong":
                self.send(person, current.reservation, {"preferred": "up"})
            case "other":
                self.send(person, current.reservation, {"preferred": "right"})
            case _:
                self.send(person, current.reservation, {"preferred": "left"})

    def send(self, person: Person, reservation: str, form: dict[str, str]) -> None:
        try:
            receipt = self.desk.submit(person, reservation, form)
        except (FormError, Conflict):
            return
        assert self.desk.submit(person, reservation, form) == receipt
        if receipt.feedback is not None:
            self.acknowledged.add(receipt.feedback)


def balanced(play: Play, ledger: Ledger, context: Context) -> None:
    feedback = list(ledger.feedback())
    assert {record.id for record in feedback} == play.acknowledged
    progress = play.desk.progress()
    parts = (progress.answers, progress.gold_answers, progress.repeats, progress.declined, progress.replaced)
    assert sum(parts) + progress.surplus == progress.rows == len(feedback)
    assert progress.answers <= progress.target
    current = [record for record in current_feedback(feedback) if record.repeat_of is None]
    assert all(count == 1 for count in Counter((record.evaluator, record.prompt) for record in current).values())
    assert all((record.seconds or 0) >= 0 for record in feedback)
    with ledger.begin() as connection:
        reservations = tables.reservations
        rows = connection.execute(select(reservations).where(reservations.c.study == context.study.name)).all()
    assert {row.feedback for row in rows if row.feedback} == play.acknowledged
    study, last = context.study, play.people[-1].pseudonym
    places = Counter((row.item, study.experts is not None and row.person == last) for row in rows if row.holds)
    for (item, of_experts), count in places.items():
        assert count <= (1 if of_experts else study.overlap), item
    plain = Counter(row.person for row in rows if row.state == "open" and row.redoes is None)
    assert all(count == 1 for count in plain.values()), "one thing in a person's hands at a time"
    counted = progress.answers + progress.surplus
    assert len(draw_pairs(ledger).pairs) == counted


@settings(max_examples=12)
@given(st.lists(STEP, min_size=10, max_size=40), st.integers(0, 3), st.sampled_from([None, True, False]))
def test_the_books_balance(steps: list[tuple[int, str, int]], seed: int, experts_only: bool | None) -> None:
    with TemporaryDirectory() as name:
        folder, clock = Path(name), Clock()
        practice = [
            {"prompt": "Practice", "completions": ["x", "y"], "gold": {"kind": "comparison", "preferred": "left"}}
        ]
        study = lay(
            folder,
            pairs(5),
            overlap=2,
            gold_items=GOLD,
            practice_items=practice,
            gold_share=0.2,
            repeat_share=0.2,
            repeat_gap=1,
            session_items=4,
            **({} if experts_only is None else {"experts": {"after": 2, "only": experts_only}}),
        )
        with Ledger(folder / "l.db", pooled=True) as ledger:
            play = Play(opened(study, ledger, clock, seed=seed), clock)
            for step in steps:
                play.do(*step)
            balanced(play, ledger, play.desk.context)
            paused = play.desk.person(play.people[0].pseudonym)
            assert paused is not None
            assert (paused.status == "paused") == isinstance(play.desk.next(play.people[0]), Paused)
