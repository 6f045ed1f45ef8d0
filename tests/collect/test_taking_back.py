"""Undo: any answer of the session, on the page of work, on the break page and at the end, and never offered in vain."""

from pathlib import Path

import pytest
from small_desks import answer, join, lay, opened, pairs, task
from small_studies import Clock, lay_out, visiting
from small_studies import opened as desk_of

from accord.collect import Desk, Person
from accord.errors import FormError
from accord.feedback import Ledger


def prompts_taken_back(desk: Desk, person: Person, times: int) -> list[str]:
    return [desk.undo(person).prompt.text for _ in range(times)]


def test_undo_goes_further_back_up_to_the_first_answer(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(5)), ledger)
        anna = join(desk)
        assert not desk.can_undo(anna)
        asked = [answer(desk, anna).prompt.text for _ in range(3)]
        assert prompts_taken_back(desk, anna, 2) == asked[:0:-1]
        assert desk.can_undo(anna)
        assert prompts_taken_back(desk, anna, 2) == [asked[0]] * 2, "it stays with the first"
        assert not desk.can_undo(anna)
        first = task(desk, anna)
        assert first.redo
        desk.submit(anna, first.reservation, {"preferred": "tie"})
        assert prompts_taken_back(desk, anna, 3) == [asked[0], asked[2], asked[1]], "what was sent last comes first"
        second = task(desk, anna)
        desk.submit(anna, second.reservation, {"preferred": "right"})
        assert not task(desk, anna).redo, "those that were left stand, and it goes on"
        one, two, three, again, other = ledger.feedback()
        assert (again.replaces, other.replaces) == (one.id, two.id)
        assert three.judgement.kind == "comparison"
        progress = desk.progress()
        assert (progress.answers, progress.replaced, progress.rows) == (3, 2, 5)
        assert [item.open for item in progress.items].count(1) == 1


def test_undo_with_no_answer_says_so(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        with pytest.raises(FormError, match="no answer of this session"):
            desk.undo(join(desk))


def test_undo_on_the_pages(tmp_path: Path) -> None:
    clock = Clock()
    study = lay_out(tmp_path, top="session_items = 3\nbreak_minutes = 10")
    with desk_of(study, tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        for _ in range(3):
            person.answer(preferred="left")
        rest = person.get("/work").text
        assert "A break" in rest
        assert "Undo the last answer" in rest
        assert "Undo goes further back" in person.post("/undo", seen="/work").text
        person.post("/undo", seen="/work")
        first = person.post("/undo", seen="/work").text
        assert "an answer of yours again" in first
        assert 'action="/undo"' not in first, "there is none before it"
        person.answer(preferred="right")
        assert "A break" in person.get("/work").text
        clock.go_on(601)
        assert 'action="/undo"' not in person.get("/work").text, "a new session has nothing to take back"
        person.answer(preferred="left")
        clock.go_on(601)  # a rest as long as a break, with an item in hand
        assert 'action="/undo"' in person.get("/work").text
        assert "an answer of yours again" in person.post("/undo", seen="/work").text


def test_undo_is_not_offered_where_the_session_has_ended_meanwhile(tmp_path: Path) -> None:
    """Whoever rested as long as a break begins a new session with the page that they see."""
    clock = Clock()
    study = lay_out(tmp_path, top="break_minutes = 10\nsession_items = 2")
    with desk_of(study, tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        for _ in range(2):
            person.answer(preferred="left")
        clock.go_on(601)
        page = person.get("/work").text
        assert 'action="/undo"' not in page
        assert person.client.post("/undo", data={"_csrf": "x"}).status_code == 403
