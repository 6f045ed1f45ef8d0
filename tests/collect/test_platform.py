"""Crowd platforms: a shared link, one account a worker, a code when the work is done, screening, and the list."""

import csv
import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from small_desks import answer, lay, opened, pairs, task
from small_studies import PASSWORD, Forms, Visitor, visiting

from accord.cli.main import run
from accord.collect import Desk, Done
from accord.collect.desk.identities import PlatformIds
from accord.collect.desk.platform import Approval, as_csv, ids_of
from accord.collect.study.platform import Platform
from accord.errors import AccessError, FormError, StudyError
from accord.feedback import Ledger

PLATFORM = {
    "worker": "PROLIFIC_PID",
    "study": "STUDY_ID",
    "session": "SESSION_ID",
    "items": 2,
    "code": "C0DE-1",
    "return_url": "https://app.example.org/complete?cc=C0DE-1",
}
WORKER = "5f1e0a2b3c4d5e6f7a8b9c0d"
ADDRESS = f"/start?PROLIFIC_PID={WORKER}&STUDY_ID=s1&SESSION_ID=x1"
SCREEN = {"right": 0.6, "code": "OUT-1", "pay": 0.25}
PRACTICE = [
    {"prompt": f"Practice {n}", "completions": ["yes", "no"], "gold": {"kind": "comparison", "preferred": "left"}}
    for n in range(2)
]


@contextmanager
def crowd(folder: Path, **keys: Any) -> Iterator[tuple[Desk, Callable[[], Visitor]]]:
    """A desk of a study with a platform, and its pages."""
    study = lay(folder, keys.pop("items", pairs(6)), platform=PLATFORM, consent="You agree.", **keys)
    with Ledger(folder / "l.db", pooled=True) as ledger:
        desk = opened(study, ledger)
        with visiting(desk) as visitor:
            yield desk, visitor


def start(person: Visitor, address: str = ADDRESS, **form: str) -> Any:
    """Open the shared link, and agree."""
    page = person.get(address)
    forms = Forms(page.text).forms
    assert "/start" in forms, page.text
    return person.client.post("/start", data={**forms["/start"], "consent": "1", **form}, follow_redirects=True)


def people(desk: Desk) -> list[str]:
    return [person.pseudonym for person in desk.progress().people]


def test_a_worker_comes_works_and_takes_a_code_back(tmp_path: Path) -> None:
    with crowd(tmp_path, attributes={"age": ["young", "old"]}) as (desk, visitor):
        person = visitor()
        page = person.get(ADDRESS).text
        assert "You agree." in page
        assert 'name="contact"' not in page
        for _ in range(3):
            visitor().get(ADDRESS)
            assert visitor().client.head(ADDRESS).status_code < 500
        assert people(desk) == [], "looking makes nobody"
        refused = person.post("/start", {"PROLIFIC_PID": WORKER, "STUDY_ID": "s1", "SESSION_ID": "x1"}, seen=ADDRESS)
        assert (refused.status_code, "agree to it" in refused.text) == (400, True)
        assert Forms(refused.text).forms["/start"]["PROLIFIC_PID"] == WORKER
        start(person, **{"about-0": "old"})
        assert person.get(ADDRESS).url.path == "/work"
        person.answer(preferred="left")
        assert "C0DE-1" not in person.get("/work").text + person.get("/instructions").text + person.get("/pause").text
        end = person.answer(preferred="left").text
        assert "C0DE-1" in Forms(end).text
        assert f'href="{PLATFORM["return_url"]}"' in end
        assert "C0DE-1" in person.get("/work").text, "also later"
        [pseudonym] = people(desk)
        assert desk.ledger.evaluators()[desk.person(pseudonym).evaluator].attributes == {"age": "old"}  # type: ignore[union-attr]
        assert [item.open for item in desk.progress().items] == [0] * 6, "nothing is held for somebody who is done"
        assert WORKER not in "".join(record.canonical() for record in desk.ledger.evaluators().values())
        [line] = desk.approvals()
        assert (line.worker, line.session, line.study) == (WORKER, "x1", "s1")
        assert (line.status, line.answers, line.code) == ("approve", 2, "C0DE-1")


def test_one_account_a_worker_whoever_comes_as_them(tmp_path: Path) -> None:
    with crowd(tmp_path) as (desk, visitor):
        first, again, other = visitor(), visitor(), visitor()
        start(first)
        start(again)
        assert len(people(desk)) == 1, "the session of then, from another browser"
        assert first.work()[0] == again.work()[0]
        forged = start(other, ADDRESS.replace("x1", "x2"))
        assert (forged.status_code, "takes part as this worker already" in forged.text) == (410, True)
        assert other.get("/work").status_code == 401
        start(other, ADDRESS.replace(WORKER, "another").replace("x1", "x2"))
        assert len(people(desk)) == 2


def test_the_same_worker_twice_at_once_is_one(tmp_path: Path, where: Path | str) -> None:
    study = lay(tmp_path, platform=PLATFORM)
    with Ledger(where, pooled=True) as ledger:
        desk = opened(study, ledger)
        ids, met = PlatformIds(WORKER, "x1", "s1"), []
        gate = threading.Barrier(4)

        def come() -> None:
            gate.wait()
            met.append(desk.enter(ids, consent=True).pseudonym)

        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(met) == 4
        assert len(set(met)) == 1 == len(desk.progress().people)


FORGED = [
    "",
    "PROLIFIC_PID=&STUDY_ID=s&SESSION_ID=x",
    "PROLIFIC_PID=a&STUDY_ID=s",
    "PROLIFIC_PID=a&PROLIFIC_PID=b&STUDY_ID=s&SESSION_ID=x",
    f"PROLIFIC_PID={'a' * 101}&STUDY_ID=s&SESSION_ID=x",
    "PROLIFIC_PID=a%00b&STUDY_ID=s&SESSION_ID=x",
    f"PROLIFIC_PID={quote('ä')}&STUDY_ID=s&SESSION_ID=x",
    "PROLIFIC_PID=%ff&STUDY_ID=s&SESSION_ID=x",
    "PROLIFIC_PID=a%0ab&STUDY_ID=s&SESSION_ID=x",
    "PROLIFIC_PID=a&STUDY_ID=s&SESSION_ID=%3Cb%3E%20x",
    "PROLIFIC_PID=a&STUDY_ID=s&SESSION_ID=ASSIGNMENT_ID_NOT_AVAILABLE",
    "PROLIFIC_PID=" + quote("{{%PROLIFIC_PID%}}") + "&STUDY_ID=s&SESSION_ID=x",
]


def test_what_no_platform_sends_lets_nobody_in(tmp_path: Path) -> None:
    with crowd(tmp_path) as (desk, visitor):
        person = visitor()
        fields = Forms(person.get(ADDRESS).text).forms["/start"]
        form = f"consent=1&_csrf={fields['_csrf']}"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        for query in FORGED:
            page = person.get(f"/start?{query}")
            assert page.status_code in {400, 403}, query
            assert "/start" not in Forms(page.text).forms
            sent = person.client.post("/start", content=f"{form}&{query}".encode(), headers=headers)
            assert sent.status_code in {400, 403}, query
        assert people(desk) == []


def test_an_id_that_no_address_holds_is_none_whatever_the_pattern_says() -> None:
    platform = Platform(worker="w", session="s", items=1, code="C", worker_pattern="(?s).+")
    assert ids_of(platform, {"w": "a@b.example", "s": "x"}) == PlatformIds("a@b.example", "x", "")
    for worker in ("a\0b", "a b", "a\nb", "\ud800", "ä", ""):
        with pytest.raises(AccessError, match="lacks what your platform adds"):
            ids_of(platform, {"w": worker, "s": "x"})


def test_whoever_fails_the_practice_is_screened_out(tmp_path: Path) -> None:
    with crowd(tmp_path, practice_items=PRACTICE, screen_out=SCREEN, pay={"per_item": 1.0}) as (desk, visitor):
        passing, failing = visitor(), visitor()
        start(passing)
        start(failing, ADDRESS.replace(WORKER, "-11").replace("x1", "x2"))
        for person, right in ((passing, True), (failing, False)):
            for _ in PRACTICE:
                page = person.get("/work").text
                yes_left = re.search(r"Answer 1</h2>\s*<div class=\"text[^>]*>\s*(<[^>]*>)*yes", page) is not None
                person.answer(preferred="left" if yes_left == right else "right")
        assert passing.work()
        out = failing.get("/work").text
        assert "OUT-1" in out
        assert "C0DE-1" not in out
        assert failing.post("/undo", seen="/pause").status_code == 400
        lines = {line.worker: line for line in desk.approvals()}
        assert (lines["-11"].status, lines["-11"].code) == ("screened", "OUT-1")
        assert lines[WORKER].status == "incomplete"
        assert [person.paid for person in desk.progress().people if person.status == "screened"] == [0.25]
        assert sum(item.open for item in desk.progress().items) == 1, "of whoever passed"
        admin = visitor()
        desk.set_admin("kim", PASSWORD)
        admin.sign_in()
        assert "/start?PROLIFIC_PID={PROLIFIC_PID}" in admin.get("/admin/people").text
        file = admin.post("/admin/approvals", seen="/admin/export")
        assert file.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(file.text)))
        assert {row["worker"] for row in rows} == {WORKER, "'-11"}
        assert visitor().client.post("/admin/approvals").status_code in {303, 403}


def test_who_is_resumed_after_screening_goes_on(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, practice_items=PRACTICE, screen_out=SCREEN), ledger)
        anna = desk.accept(desk.invite().token, consent=True)
        for _ in PRACTICE:
            current = task(desk, anna)
            wrong = "left" if current.completions[0].text == "no" else "right"
            desk.submit(anna, current.reservation, {"preferred": wrong})
        step = desk.next(anna)
        assert isinstance(step, Done)
        assert (step.reason, desk.progress().notes[0].message) == ("screened", "0 of 2 practice questions as expected")
        desk.resume(anna.pseudonym)
        answer(desk, anna)
        assert ledger.rows() == 1


def test_after_erasure_a_worker_is_nobody(tmp_path: Path) -> None:
    with crowd(tmp_path) as (desk, visitor):
        person = visitor()
        start(person)
        [pseudonym] = people(desk)
        assert desk.erase(pseudonym) == ""
        assert desk.approvals() == []
        assert WORKER.encode() not in (tmp_path / "l.db").read_bytes()
        assert person.get("/work").status_code == 401
        start(visitor())
        assert len(people(desk)) == 2


def test_quotas_and_budgets_end_with_their_own_code_and_leak_nothing(tmp_path: Path) -> None:
    full = {**PLATFORM, "full": {"code": "FULL-1"}}
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, platform=full, answers=1), ledger)
        first = desk.enter(PlatformIds("a", "x1", "s"), consent=True)
        answer(desk, first)
        for worker in (first, desk.enter(PlatformIds("b", "x2", "s"), consent=True)):
            step = desk.next(worker)
            assert isinstance(step, Done)
            assert step.reason == "budget"
            assert step.ending is not None
            assert step.ending.code == "FULL-1"
        assert {line.status for line in desk.approvals()} == {"incomplete"}


def test_all_that_there_was_is_a_whole_part(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1), platform=PLATFORM), ledger)
        worker = desk.enter(PlatformIds("a", "x1", "s"), consent=True)
        answer(desk, worker)
        step = desk.next(worker)
        assert isinstance(step, Done)
        assert step.ending is not None
        assert [line.status for line in desk.approvals()] == ["approve"]
        with pytest.raises(FormError, match="agree"):
            desk.enter(PlatformIds("b", "x1", "s"), consent=False)
        with pytest.raises(AccessError, match="already"):
            desk.enter(PlatformIds("a", "", ""), consent=True)


def test_who_found_nothing_left_has_no_code_and_is_not_approved(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(1), platform={**PLATFORM, "full": {"code": "FULL-1"}}), ledger)
        answer(desk, desk.enter(PlatformIds("a", "x1", "s"), consent=True))
        late = desk.enter(PlatformIds("b", "x2", "s"), consent=True)
        for _ in range(2):
            step = desk.next(late)
            assert isinstance(step, Done)
            assert step.reason == "all"
            assert step.ending is not None
            assert step.ending.code == "FULL-1"
        assert {line.worker: (line.status, line.code) for line in desk.approvals()}["b"] == ("incomplete", "")


def test_no_cell_is_a_formula() -> None:
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", 'a","b', "plain"]
    lines = [Approval(cell, cell, "s", "p-1", "approve", 1, 0, 2.5, "C") for cell in cells]
    rows = list(csv.DictReader(io.StringIO(as_csv(lines), newline="")))
    assert [row["worker"] for row in rows] == [f"'{cell}" for cell in cells[:6]] + cells[6:]
    assert (rows[0]["minutes"], rows[0]["answers"]) == ("2.5", "1")


def test_the_list_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, platform=PLATFORM), ledger)
        worker = desk.enter(PlatformIds(WORKER, "x1", "s"), consent=True)
        answer(desk, worker)
        answer(desk, worker)
        desk.next(worker)
    arguments = ["collect", str(tmp_path / "study.toml"), "--ledger", str(tmp_path / "l.db"), "--approvals"]
    assert run([*arguments, str(tmp_path / "list.csv")]) == 0
    assert "1 workers, 1 to approve" in capsys.readouterr().out
    [row] = csv.DictReader(io.StringIO((tmp_path / "list.csv").read_text(), newline=""))
    assert (row["worker"], row["status"], row["code"]) == (WORKER, "approve", "C0DE-1")
    arguments[3] = str(tmp_path / "none.db")
    assert run([*arguments, str(tmp_path / "list.csv")]) == 2
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"platform": {"worker": "W", "items": 1}}, "platform.code: missing"),
        ({"platform": {**PLATFORM, "session": "PROLIFIC_PID"}}, "two parameters have one name"),
        ({"platform": {**PLATFORM, "worker": "consent"}}, "a field of the page itself"),
        ({"platform": {**PLATFORM, "worker": "a b"}}, "platform.worker"),
        ({"platform": {**PLATFORM, "return_url": "javascript:alert(1)"}}, "no address of the web"),
        ({"platform": {**PLATFORM, "return_url": "https://good.example@bad.example/"}}, "no address of the web"),
        ({"platform": {**PLATFORM, "return_url": "//bad.example"}}, "no address of the web"),
        ({"platform": {**PLATFORM, "worker_pattern": "("}}, "no regular expression"),
        ({"platform": {**PLATFORM, "items": 0}}, "platform.items"),
        ({"screen_out": SCREEN}, "screen_out: needs practice questions"),
    ],
)
def test_what_is_wrong_in_the_sections_is_named(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        lay(tmp_path, **keys)


def test_without_a_platform_there_is_no_shared_link(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", pooled=True) as ledger, visiting(opened(lay(tmp_path), ledger)) as visitor:
        assert visitor().get(ADDRESS).status_code == 404
