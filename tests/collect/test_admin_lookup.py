"""Items and answers, found and opened: by the database, on both stores."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_desks import Clock, answer, join, lay, opened, pairs, task
from sqlalchemy import event

from accord.collect import Desk, Person
from accord.collect.desk.search_filters import AnswerFilter, ItemFilter
from accord.errors import FormError
from accord.feedback import Ledger

SPANS = {"kind": "spans", "text": "Mark it.", "span_types": ["wrong", "rude"]}
GOLD = [{**pairs(1)[0], "prompt": "Known?", "gold": {"kind": "comparison", "preferred": "left"}}]


def found(desk: Desk, **fields: str) -> list[str]:
    """The persons of the answers that are found."""
    return sorted(one.person for one in desk.lookup.answers(AnswerFilter.read(fields)).answers)


def states(desk: Desk, **fields: str) -> set[str]:
    return {one.prompt.text for one in desk.lookup.items(ItemFilter.read(fields)).items}


def say(desk: Desk, person: Person, **form: str) -> str:
    """Answer what is next; the reservation."""
    current = task(desk, person)
    desk.submit(person, current.reservation, form)
    return current.reservation


def test_answers_are_found_by_what_they_are(tmp_path: Path, where: Path | str) -> None:
    clock = Clock()
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path, overlap=2, comment=True), ledger, clock)
        one, two = join(desk), join(desk)
        first = say(desk, one, preferred="left", comment='50%_of "it" is Übel')
        clock.move(days=1)
        say(desk, two, declined="1", reason="I know the author")
        task(desk, two)
        assert found(desk) == sorted([one.pseudonym, two.pseudonym, two.pseudonym])
        assert found(desk, person=one.pseudonym) == [one.pseudonym]
        assert found(desk, person=one.pseudonym[:6].upper()) == [one.pseudonym]
        assert found(desk, state="open") == [two.pseudonym]
        assert found(desk, state="declined") == found(desk, mark="declined") == [two.pseudonym]
        assert found(desk, mark="comment") == [one.pseudonym]
        assert found(desk, mark="fast", state="answered") == [one.pseudonym], "the clock stood still"
        assert found(desk, until="2026-03-01") == [one.pseudonym]
        assert found(desk, since="2026-03-02", until="2026-03-02") == [two.pseudonym]
        for text in ('50%_of "it"', "OF ", "Übel"):
            assert found(desk, text=text) == [one.pseudonym]
        for text in ("50%of", "5__of", "role", "messages", "user", "zzz", "' OR 1=1 --", "\\"):
            assert found(desk, text=text) == [], text
        assert found(desk, text="the author") == [two.pseudonym]
        [seen] = [each for each in desk.lookup.answers(AnswerFilter()).answers if each.reservation == first]
        assert found(desk, item=seen.item, state="answered") == [one.pseudonym]
        assert seen.answers[0].marks == ("fast", "comment")


def test_items_are_found_by_how_they_are(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path, overlap=2, choose="coverage"), ledger)
        one, two = join(desk), join(desk)
        said: dict[str, list[str]] = {}
        for person, better in ((one, "good"), (two, "good")):
            for place in range(6):
                current = task(desk, person)
                word = "bad" if person is two and place == 0 else better
                said.setdefault(current.prompt.text, []).append(word)
                side = "left" if current.completions[0].text.startswith(word) else "right"
                desk.submit(person, current.reservation, {"preferred": side})
        [contested] = [text for text, words in said.items() if len(set(words)) > 1]
        assert states(desk, difference="contested") == states(desk, difference="half") == {contested}
        assert states(desk, difference="agreed") == {text for text in said if text != contested}
        assert states(desk, state="full") == set(said)
        assert states(desk, state="open") == states(desk, state="unanswered") == states(desk, state="ruled") == set()
        assert states(desk, text="question 3") == {"Question 3"}
        assert states(desk, text="good 4") == {"Question 4"}
        widest = desk.lookup.items(ItemFilter.read({"order": "difference"})).items[0]
        assert (widest.prompt.text, widest.difference) == (contested, 1.0)
        assert len(desk.lookup.answers(AnswerFilter.read({"difference": "contested"})).answers) == 2
        [item] = desk.disputed()
        desk.adjudicate(item.item, {"preferred": "left"}, "kim")
        assert states(desk, state="ruled") == {contested}
        laid = ["answer 1 is better", "answer 2 is better"]
        words = [one.answers[0].words for one in desk.lookup.answers_to(item.item)]
        assert words == laid[::-1], "in the order of the file, whatever stood where: the second person said bad"


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"mark": "x' OR '1"}, "mark"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-30"}, "since"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"text": "x" * 201}, "text"),
        ({"person": "a\0b"}, "person"),
    ],
)
def test_what_nobody_can_look_for_is_said(form: dict[str, str], field: str) -> None:
    with pytest.raises(FormError) as refused:
        AnswerFilter.read(form)
    assert refused.value.field == field


def test_an_answer_is_shown_as_the_person_saw_it(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        metadata = {"source": "exam", "secret": "no"}
        study = lay(tmp_path, pairs(3, metadata=metadata), overlap=2, show=["source"], gold_items=GOLD, gold_share=0.5)
        desk = opened(study, ledger)
        one, two = join(desk), join(desk)
        orders, known = {}, []
        for person in (one, two):
            for _ in range(3):
                current = answer(desk, person, "right")
                orders[current.reservation] = [completion.text for completion in current.completions]
                known.append(current.prompt.text == "Known?")
        assert any(known)
        assert len({tuple(order) for order in orders.values()}) > 3, "both orders are there"
        for reservation, order in orders.items():
            view = desk.lookup.answer(reservation)
            assert view is not None
            [screen] = view.screens
            [given] = screen.answers
            assert [completion.text for completion in screen.completions] == order
            assert (given.words, given.about, given.whole) == ("answer 2 is better", (1, 2), True)
            if view.purpose == "gold":
                assert given.correct is (order[1] == "good 0")
                assert ("missed" in given.marks) is not given.correct
            else:
                assert view.metadata == {"source": "exam"}
        before = answer(desk, one, "left").reservation
        after = desk.undo(one).reservation
        desk.submit(one, after, {"preferred": "right"})
        replaced, replacing = desk.lookup.answer(before), desk.lookup.answer(after)
        assert replaced is not None
        assert replacing is not None
        assert (replaced.state, replaced.replaced_by, replacing.replaces) == ("replaced", after, before)
        assert desk.lookup.answer("r-none") is None
        assert desk.lookup.answer("\0") is None
        assert desk.lookup.item("' OR 1=1 --") is None


def test_answers_of_before_are_marked_when_the_study_is_loaded(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, overlap=2), ledger)
        people = [join(desk), join(desk)]
        for person in people:
            for _ in range(6):
                answer(desk, person, "left")
        before = desk.lookup.answers(AnswerFilter()), desk.lookup.items(ItemFilter())
        with ledger.begin(immediate=True) as connection:
            connection.exec_driver_sql("UPDATE collect_answers SET marks = NULL")
            connection.exec_driver_sql("UPDATE collect_items SET differences = '{}', difference = NULL")
        assert found(desk, mark="fast") == []
        desk.load_items()
        assert (desk.lookup.answers(AnswerFilter()), desk.lookup.items(ItemFilter())) == before
        assert len(found(desk, mark="fast")) == 12


def test_pages_read_what_they_show(tmp_path: Path) -> None:
    """However many answers there are, a page asks the database the same number of questions, and for 50 rows."""
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(120), session_items=500), ledger)
        person = join(desk)
        statements: list[str] = []
        event.listen(ledger.store.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        counts = []
        for more in (60, 60):
            for _ in range(more):
                answer(desk, person)
            statements.clear()
            page = desk.lookup.answers(AnswerFilter.read({"text": "e", "person": "p-"}), page=2)
            counts.append(len(statements))
            assert len(desk.lookup.items(ItemFilter(), page=9).items) == 20, "the last page, where there is none"
        assert counts[0] == counts[1]
        assert (page.total, page.pages, page.page, len(page.answers)) == (120, 3, 2, 50)
        numbers = [desk.lookup.answers(AnswerFilter(), page=n).answers for n in (1, 2, 3)]
        assert len({one.reservation for answers in numbers for one in answers}) == 120


def test_disagreement_of_kinds_without_votes(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        items = [{"prompt": f"Q{n}", "completions": ["one two three"]} for n in range(2)]
        desk = opened(lay(tmp_path, items, questions=[SPANS], overlap=2), ledger)
        one, two = join(desk), join(desk)
        for person, end in ((one, 6), (two, 3)):
            for _ in range(2):
                mark: list[dict[str, Any]] = [{"start": 0, "end": end, "type": "wrong"}]
                say(desk, person, spans=json.dumps(mark))
        disputed = desk.disputed()
        assert [round(each.difference, 3) for each in disputed] == [0.5, 0.5]
        assert disputed[0].votes == {"characters 0 to 6: wrong": 1, "characters 0 to 3: wrong": 1}
        assert disputed[0].disagreement is None
        desk.adjudicate(disputed[0].item, {"none": "1"}, "kim")
        assert [each.adjudicated for each in desk.disputed()] == [False, True]
        assert desk.disputed_item(disputed[1].item) is not None
        assert desk.disputed_item("i-none") is None


def test_another_study_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        other = opened(lay(tmp_path / "other", name="other"), ledger)
        person = join(desk)
        theirs = answer(desk, person)
        assert other.lookup.answers(AnswerFilter()).total == 0
        assert other.lookup.answer(theirs.reservation) is None
        assert other.lookup.item(theirs.item) is None
        assert other.lookup.answers_to(theirs.item) == ()
        assert other.lookup.agreement_with(person.pseudonym) == {}
        assert other.lookup.work_curve(person.pseudonym) == ()
