"""The pages of whoever runs the study."""

import json
from pathlib import Path

from small_studies import PASSWORD, Clock, Visitor, lay_out, opened, visiting

from accord.collect import Desk
from accord.feedback import Ledger

QUOTAS = """
[attributes]
age = ["under 40", "40 or more"]
[quotas.age]
"under 40" = 0.5
"40 or more" = 0.5
[pay]
per_hour = 12
"""


def disagreeing(desk: Desk, clock: Clock, visitor: Visitor, preferred: str) -> str:
    """Somebody who joins and says the same of everything; their pseudonym."""
    before = {person.pseudonym for person in desk.progress().people}
    visitor.join(desk.invite().token, **{"about-0": "under 40"})
    for _ in range(8):
        visitor.work()
        clock.go_on(15)
        visitor.answer(preferred=preferred)
    (new,) = {person.pseudonym for person in desk.progress().people} - before
    return new


def test_progress_in_figures(tmp_path: Path) -> None:
    clock = Clock()
    study = lay_out(tmp_path, top="overlap = 2", more=QUOTAS)
    with opened(study, tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin = visitor()
        empty = admin.sign_in().text
        assert "of 16" in empty
        one, two = (disagreeing(desk, clock, visitor(), side) for side in ("left", "right"))
        page = admin.get("/admin").text
        assert "16" in page
        assert "15 s" in page
        assert "0.80" in page  # 240 seconds at 12 an hour
        assert "side bias" in page
        assert admin.get("/admin/items").text.count("full") >= 8
        for pseudonym in (one, two):
            assert pseudonym in page
        assert admin.get("/admin/items?page=99").status_code == 200
        assert admin.get("/admin/items?page=x").status_code == 400


def test_people_are_invited_paused_and_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    with opened(lay_out(tmp_path), tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin, person, again = visitor(), visitor(), visitor()
        admin.sign_in()
        answer = admin.post("/admin/people/invite", {"note": "Ada", "days": "3"}, seen="/admin/people").text
        link = answer.split(str(admin.client.base_url).rstrip("/"))[1].split("<")[0]
        joined = person.post(link, {"consent": "1", "name": "Ada Lovelace", "contact": "ada@example.org"})
        assert joined.url.path == "/instructions"
        (one,) = desk.progress().people
        where = f"/admin/people/{one.pseudonym}"
        admin.post(f"{where}/pause", {"why": "let us talk"}, seen="/admin/people")
        assert "Your part is paused" in person.get("/work").text
        admin.post(f"{where}/resume", seen="/admin/people")
        person.answer(preferred="left")
        answer = admin.post(f"{where}/link", seen="/admin/people").text
        link = answer.split(str(admin.client.base_url).rstrip("/"))[1].split("<")[0]
        assert again.post(link).url.path == "/work"
        admin.post(f"{where}/erase", seen="/admin/people")
        assert person.get("/work").status_code == 401
        assert desk.contact(one.pseudonym) is None
        assert desk.progress().rows == 1
        assert "erased" in admin.get("/admin/people").text
    assert b"Lovelace" not in (tmp_path / "people.db").read_bytes()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin, person = visitor(), visitor()
        admin.sign_in()
        person.join(desk.invite().token)
        (one,) = desk.progress().people
        theirs = f"/admin/people/{one.pseudonym}"
        for days in ("0", "366", "-1", "1.5", "x", "", "9" * 99, "²"):
            refused = admin.post("/admin/people/invite", {"days": days}, seen="/admin/people")
            assert (days, refused.status_code) == (days, 400)
            assert "1 to 365 days" in refused.text
        for path in (
            "/admin/people/p-nobody/pause",
            f"/admin/people/{one.pseudonym}/promote",
            "/admin/disputed/i-none",
        ):
            assert admin.post(path, seen="/admin/people").status_code in {400, 404}
        assert admin.get("/admin/disputed/i-none").status_code == 404
        admin.post(f"{theirs}/erase", seen="/admin/people")
        assert admin.post(f"{theirs}/resume", seen="/admin/people").status_code == 409
        with desk.ledger.begin() as reading:
            reading.exec_driver_sql("SELECT count(*) FROM collect_contacts")
            answer = admin.post(f"{theirs}/erase", seen="/admin/people")
        assert answer.status_code == 200
        assert "not yet off the disk" in answer.text
        assert admin.post(f"{theirs}/erase", seen="/admin/people").url.path == "/admin/people"


def test_disputed_items_are_adjudicated(tmp_path: Path) -> None:
    clock, ledger = Clock(), tmp_path / "people.db"
    with (
        opened(lay_out(tmp_path, top="overlap = 2", more=QUOTAS), ledger, clock) as desk,
        visiting(desk, clock) as visitor,
    ):
        desk.set_admin("kim", PASSWORD)
        admin = visitor()
        admin.sign_in()
        assert "nobody disagrees so far" in admin.get("/admin/disputed").text
        for side in ("left", "right"):
            disagreeing(desk, clock, visitor(), side)
        item = desk.disputed(1)[0]
        page = admin.get("/admin/disputed").text
        assert f"/admin/disputed/{item.item}" in page
        assert "answer 1: 1, answer 2: 1" in page
        where = f"/admin/disputed/{item.item}"
        assert admin.post(where, {"preferred": "nobody"}).status_code == 400
        assert admin.post(where, {"preferred": "left", "strength": "1"}).url.path == "/admin/disputed"
        assert "decided" in admin.get("/admin/disputed").text
    with Ledger(ledger, write=False) as opened_ledger:
        last, evaluators = list(opened_ledger.feedback())[-1], opened_ledger.evaluators()
    assert last.completions == tuple(shown.id for shown in item.completions)
    assert (evaluators[last.evaluator].pseudonym, evaluators[last.evaluator].pool) == ("kim", "adjudication")


def test_the_export_is_what_import_reads(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin, person = visitor(), visitor()
        admin.sign_in()
        person.join(desk.invite().token, name="Ada Lovelace")
        person.answer(preferred="left")
        export = admin.post("/admin/export")
        assert export.headers["content-disposition"] == 'attachment; filename="comparison.jsonl"'
        rows = [json.loads(line) for line in export.text.splitlines()]
        assert "Lovelace" not in export.text
        (tmp_path / "export.jsonl").write_text(export.text)
    from accord.feedback import import_feedback

    with Ledger(tmp_path / "again.db") as again:
        added = import_feedback(tmp_path / "export.jsonl", "accord_jsonl", again)
    assert sum(added.new.values()) == len(rows)
    assert added.new["feedback"] == 1
