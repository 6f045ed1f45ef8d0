"""Who people are, for those who may see it; pausing that takes answers out of training; agreement and curves."""

import json
import re
from pathlib import Path

import pytest
from small_desks import Clock as DeskClock
from small_desks import join, lay, pairs, task
from small_desks import opened as opened_desk
from small_studies import PASSWORD, lay_out, opened, visiting

from accord.collect import Desk
from accord.collect.desk.agreement import CurvePoint
from accord.collect.web.curves import curves_of
from accord.errors import AccessError, FormError, LedgerError
from accord.feedback import Ledger
from accord.feedback.dataset.selection import Selection

ADA = {"name": "Ada Lovelace", "contact": "ada@example.org"}


def test_names_are_for_those_who_may_see_them(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD, sees_names=True)
        desk.set_admin("lee", PASSWORD)
        may, may_not, person = visitor(), visitor(), visitor()
        may.sign_in("kim")
        may_not.sign_in("lee")
        person.post(f"/join/{desk.invite(note='met in Turin').token}", {"consent": "1", **ADA})
        person.answer(preferred="left")
        (one,) = desk.progress().people
        theirs = f"/admin/people/{one.pseudonym}"
        pages = ["/admin/people", theirs, "/admin/answers", "/admin/agreement", "/admin/answers?person=Lovelace"]
        pages += ["/admin/people?text=lovelace", "/admin", "/admin/items", "/admin/export", "/admin/disputed"]
        for page in pages:
            assert not re.search("Lovelace<|ada@|Turin", may_not.get(page).text), page
        for page in pages[:3]:
            assert "Ada Lovelace" in may.get(page).text, page
        assert "met in Turin" in may.get(theirs).text
        assert "1 answer<" in may.get("/admin/answers?person=lovelace&state=answered").text
        assert "0 answers" in may_not.get("/admin/answers?person=lovelace").text
        assert one.pseudonym in may.get("/admin/people?text=TURIN").text
        assert one.pseudonym not in may_not.get("/admin/people?text=TURIN").text
        new = {"name": "Ada <b>King</b>", "contact": "", "note": "x" * 301}
        assert may.post(f"{theirs}/identity", new, seen=theirs).status_code == 400
        assert may.post(f"{theirs}/identity", {**new, "note": "left"}, seen=theirs).url.path == theirs
        assert "Ada &lt;b&gt;King&lt;/b&gt;" in may.get("/admin/people").text
        assert "ada@" not in may.get(theirs).text
        refused = may_not.post(f"{theirs}/identity", {"name": "Eve"}, seen="/admin/people")
        assert (refused.status_code, "You may not see this" in refused.text) == (403, True)
        assert desk.lookup.identities("kim")[one.pseudonym].name == "Ada <b>King</b>"
        assert "Lovelace" not in may.post("/admin/export").text
        may.post(f"{theirs}/erase", seen="/admin/people")
        assert may.post(f"{theirs}/identity", {"name": "Ada"}, seen="/admin/people").status_code == 409
        assert desk.lookup.identities("kim") == {}
        desk.set_admin("kim", PASSWORD)  # a new password without the right
        assert not desk.lookup.may_see_names("kim")
    assert b"King" not in (tmp_path / "people.db").read_bytes()


def test_the_desk_itself_asks_for_the_right(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened_desk(lay(tmp_path), ledger)
        other = opened_desk(lay(tmp_path / "b", name="other"), ledger)
        person = desk.accept(desk.invite(note="a note").token, consent=True, name="Ada")
        other.set_admin("kim", PASSWORD, sees_names=True)
        for name in ("kim", "", "\0", "' OR 1=1 --"):
            with pytest.raises(AccessError, match="may not see names"):
                desk.lookup.identities(name)
            with pytest.raises(AccessError):
                desk.change_identity(person.pseudonym, {"name": "Eve"}, name)
        assert other.lookup.identities("kim") == {}, "people of another study"
        with pytest.raises(AccessError):
            other.change_identity(person.pseudonym, {"name": "Eve"}, "kim")
        desk.set_admin("kim", PASSWORD, sees_names=True)
        assert desk.lookup.identities("kim")[person.pseudonym].note == "a note"
        desk.erase(person.pseudonym)
        with pytest.raises(LedgerError, match="was erased"):
            desk.change_identity(person.pseudonym, {"name": "Ada"}, "kim")


def test_pausing_can_take_answers_out_of_training(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, top="overlap = 2"), ledger) as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin, *people = (visitor() for _ in range(3))
        admin.sign_in()
        for person in people:
            person.join(desk.invite().token)
            for _ in range(4):
                person.answer(preferred="left")
        one, two = desk.progress().people
        assert "[data]" not in admin.get("/admin/people").text
        admin.post(f"/admin/people/{two.pseudonym}/pause", {"why": "a talk"}, seen="/admin/people")
        assert not desk.excluded_evaluators()
        silent = desk.accept(desk.invite().token, consent=True)
        desk.pause(silent.pseudonym, "never came", excluded=True)
        assert not desk.excluded_evaluators(), "a recipe refuses what names nothing"
        assert "no recipe has to name them" in admin.get(f"/admin/people/{silent.pseudonym}").text
        done = {"why": "clicks", "exclude": "1"}
        page = admin.post(f"/admin/people/{one.pseudonym}/pause", done, seen="/admin/people").text
        [line] = re.findall(r"exclude = .*\]", page)
        assert line.replace("&#34;", '"') == f'exclude = ["{desk.person(one.pseudonym).evaluator}"]'  # type: ignore[union-attr]
        assert "[data]" in page
        for where in (f"/admin/people/{one.pseudonym}", "/admin/export"):
            assert line in admin.get(where).text
        assert line not in admin.get(f"/admin/people/{two.pseudonym}").text
        excluded = tuple(desk.excluded_evaluators().values())
        admin.post(f"/admin/people/{two.pseudonym}/exclude", seen="/admin/people")
        assert len(desk.excluded_evaluators()) == 2
        for pseudonym in (one.pseudonym, two.pseudonym):
            admin.post(f"/admin/people/{pseudonym}/include", seen="/admin/people")
        assert "[data]" not in admin.get("/admin/people").text
    with Ledger(ledger, write=False) as opened_ledger:
        records, known = list(opened_ledger.feedback()), opened_ledger.evaluators()
        evaluators = {record.evaluator for record in Selection(exclude=excluded).of(records, known)}
    assert len(evaluators) == 1
    assert not evaluators & {*excluded}


def matching(desk: Desk, clock: DeskClock, words: str) -> str:
    """Somebody who prefers the answer that begins with each word in turn; their pseudonym."""
    person = join(desk)
    for word in words.split():
        current = task(desk, person)
        side = "left" if current.completions[0].text.startswith(word) else "right"
        clock.move(seconds=10 + person.done)
        form = {"declined": "1"} if word == "declined" else {"preferred": "tie" if word == "tie" else side}
        desk.submit(person, current.reservation, form)
    return person.pseudonym


def test_agreement_of_persons(tmp_path: Path) -> None:
    clock = DeskClock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened_desk(lay(tmp_path, pairs(1), overlap=5), ledger, clock)
        good, also, bad, tied, silent = (
            matching(desk, clock, word) for word in ("good", "good", "bad", "tie", "declined")
        )
        matrix = desk.lookup.agreement()
        assert {pair: estimate.value for pair, estimate in matrix.of_pair.items() if pair[0] == good} == {
            (good, also): 1.0,
            (good, bad): 0.0,
            (good, tied): 0.5,
        }
        assert matrix.of_pair[good, bad] == matrix.of_pair[bad, good]
        assert matrix.with_all[good].value == pytest.approx(0.5)
        assert matrix.with_all[good].n == 3
        assert matrix.left_out == {"declined": 4}
        assert silent not in matrix.with_all
        assert {name: one.value for name, one in desk.lookup.agreement_with(tied).items()} == dict.fromkeys(
            (good, also, bad), 0.5
        )
        with pytest.raises(FormError, match="No question"):
            desk.lookup.agreement("none")


def test_what_cannot_be_computed_is_said(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path, "critique", top="overlap = 2"), tmp_path / "people.db") as desk:
        desk.set_admin("kim", PASSWORD)
        with visiting(desk) as visitor:
            admin = visitor()
            admin.sign_in()
            for text in ("good", "bad"):
                person = visitor()
                person.join(desk.invite().token)
                person.answer(text=text)
            for page in ("/admin/disputed", "/admin/agreement"):
                text = admin.get(page).text
                assert "Not computed for critiques" in text
                assert "nobody disagrees" not in text
            assert "not computed for critiques" in admin.get("/admin/items").text


def test_statistics_say_what_they_leave_out(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin, person = visitor(), visitor()
        admin.sign_in()
        person.join(desk.invite().token)
        for side in ("left", "tie", "tie", "right"):
            person.answer(preferred=side)
        assert "n 2; 2 ties not counted" in admin.get("/admin/people").text


def test_one_item_that_two_people_answered_is_enough_for_the_pages(tmp_path: Path) -> None:
    """All that is known of agreement rests on one text, while others were answered once."""
    clock = DeskClock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened_desk(lay(tmp_path, pairs(3), overlap=2), ledger, clock)
        matching(desk, clock, "good good")
        matching(desk, clock, "good good")
        progress = desk.progress()
    assert progress.agreement is not None
    assert (progress.agreement.value, progress.agreement.n) == (1.0, 2)


def test_curves_of_work(tmp_path: Path) -> None:
    clock = DeskClock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened_desk(lay(tmp_path, pairs(10), overlap=2), ledger, clock)
        first = matching(desk, clock, "good " * 10)
        matching(desk, clock, "good " * 10)
        points = desk.lookup.work_curve(first)
    assert [(point.n, point.agreement, point.compared) for point in points] == [(5, 1.0, 5), (5, 1.0, 5)]
    seconds, agreement = curves_of(points)
    assert [dot.words.partition(": ")[2] for dot in seconds.dots] == ["10 s, median of 5"] * 2
    assert agreement.dots[0].y == agreement.dots[1].y < seconds.dots[0].y + 1
    assert curves_of(points[:1]) == []
    gap = [CurvePoint(points[0].until, 1, value, None, 0) for value in (1.0, 2.0, None, 0.0, 500.0)]
    [only] = curves_of(gap)
    assert len(only.lines) == 2
    assert only.ticks[-1].label == "500 s"
    assert all(0 <= dot.y <= only.height for dot in only.dots)
    json.dumps([line.split() for line in only.lines])
