"""Items added on a page: looked at first, all of a file or nothing, by whoever may, and on record."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, tab, violations
from small_studies import PASSWORD, Clock, Visitor, lay_out, opened, served, token_in, visiting

from accord.collect import Desk
from accord.collect.web.uploads import MAX_UNPACKED, HeldFiles, Upload

ADD = "/admin/add"


def lines(*numbers: int, **more: Any) -> bytes:
    items = [{"prompt": f"New {n}", "completions": [f"*good* {n}", f"bad {n}"], **more} for n in numbers]
    return "".join(json.dumps(item) + "\n" for item in items).encode()


@contextmanager
def signed_in(folder: Path, **more: Any) -> Iterator[tuple[Desk, Visitor, Any]]:
    """A desk, kim who runs it, and a way to more visitors."""
    clock = Clock()
    study = lay_out(folder, **more)
    with opened(study, folder / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        desk.set_admin("kim", PASSWORD)
        kim = visitor()
        kim.sign_in()
        yield desk, kim, (visitor, clock)


def send(person: Visitor, content: bytes, name: str = "more.jsonl", **form: str) -> Any:
    token = token_in(person.get(ADD).text)
    return person.client.post(ADD, data={"_csrf": token, **form}, files={"file": (name, content)})


def held_in(page: str) -> str:
    return page.partition('name="held" value="')[2].partition('"')[0]


def confirm(person: Visitor, held: str) -> Any:
    return person.post(f"{ADD}/confirm", {"held": held}, seen=ADD)


def test_a_file_is_looked_at_and_then_added(tmp_path: Path) -> None:
    with signed_in(tmp_path, top='show = ["source"]') as (desk, kim, _):
        assert 'href="/admin/add"' in kim.get("/admin/items").text
        page = send(kim, lines(1, 2, 3, 4, 4, warning="Gets rude.", metadata={"source": "exam"}))
        assert page.status_code == 200
        assert "<em>good</em> 1" in page.text, "as people will see it"
        assert "New 3" in page.text
        assert "New 4" not in page.text, "the first three are shown"
        assert "more.jsonl:5: the same item as more.jsonl:4, which counts" in page.text
        assert "Gets rude." in page.text
        assert "exam" in page.text
        assert "Add 4 new items" in page.text
        assert len(desk.progress().items) == 8, "nothing is added yet"
        added = confirm(kim, held_in(page.text))
        assert added.url.path == "/admin/items"
        assert "added later" in added.text
        assert len(desk.progress().items) == 12
        notes = [note.message for note in desk.progress().notes if note.kind == "items added"]
        assert notes == ["4 new of 4 in more.jsonl, by kim"]
        again = confirm(kim, held_in(page.text))
        assert again.status_code == 409
        assert "added already" in again.text
        page = send(kim, gzip.compress(lines(4, 5)) + gzip.compress(lines(6)), "../../x y<b>.jsonl.gz").text
        assert "x y_b_.jsonl" in page
        assert "Add 2 new items" in page
        confirm(kim, held_in(page))
        assert len(desk.progress().items) == 14


def test_one_wrong_line_and_nothing_is_added(tmp_path: Path) -> None:
    with signed_in(tmp_path) as (desk, kim, _):
        wrong = lines(1) + b'{"prompt": "One", "completions": ["a"]}\n{\n' + lines(2)
        page = send(kim, wrong)
        assert page.status_code == 400
        assert "2 of 4 lines cannot be taken" in page.text
        assert "more.jsonl:2" in page.text
        assert "more.jsonl:3" in page.text
        assert held_in(page.text) == ""
        for content, told in [
            (b"", "Choose a file that is not empty."),
            (b"\n \n", "Choose a file that is not empty."),
            (gzip.compress(lines(1))[:-9], "damaged or cut short"),
            (gzip.compress(b"0" * (MAX_UNPACKED + 1)), "when it is unpacked"),
            (b"\xff\xfe", "more.jsonl:1"),
        ]:
            page = send(kim, content)
            assert page.status_code == 400
            assert told in page.text
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "text/plain"):
            broken = kim.client.post(ADD, content=b"--x\r\nfile\xff", headers={"content-type": kind})
            assert broken.status_code in {400, 403}, kind
        too_long = send(kim, b"0" * 8_100_000)
        assert too_long.status_code == 413
        assert len(desk.progress().items) == 8


def test_what_became_wrong_meanwhile_is_refused_at_the_second_step(tmp_path: Path) -> None:
    with signed_in(tmp_path) as (desk, kim, (_, clock)):
        first, second = (held_in(send(kim, lines(n)).text) for n in (1, 2))
        assert confirm(kim, first).status_code == 409, "another file was looked at since"
        clock.go_on(3601)
        assert confirm(kim, second).status_code == 409, "an hour went by"
        assert len(desk.progress().items) == 8


def test_only_whoever_runs_the_study_may(tmp_path: Path) -> None:
    with signed_in(tmp_path) as (desk, kim, (visitor, _)):
        held = held_in(send(kim, lines(1)).text)
        stranger = visitor()
        stranger.join(desk.invite().token)
        token = token_in(stranger.get("/pause").text)
        for form in ({"_csrf": token}, {}):
            sent = stranger.client.post(ADD, data=form, files={"file": ("m.jsonl", lines(1))})
            assert (sent.status_code, sent.headers["location"]) == (303, "/admin/sign-in")
            assert stranger.client.post(f"{ADD}/confirm", data={**form, "held": held}).status_code == 403
        assert stranger.client.get(ADD).headers["location"] == "/admin/sign-in"
        forged = kim.client.post(ADD, data={"_csrf": "0" * 64}, files={"file": ("m.jsonl", lines(1))})
        assert forged.status_code == 403
        token = token_in(kim.get(ADD).text)
        elsewhere = {"sec-fetch-site": "cross-site"}
        files = {"file": ("m.jsonl", lines(1))}
        assert kim.client.post(ADD, data={"_csrf": token}, files=files, headers=elsewhere).status_code == 403
        desk.set_admin("lee", PASSWORD)
        lee = visitor()
        lee.sign_in("lee")
        assert confirm(lee, held).status_code == 409, "what kim looked at is kim's to add"
        assert len(desk.progress().items) == 8


def test_files_are_held_for_an_hour_each_person_one() -> None:
    held, now, file = HeldFiles(), datetime(2026, 3, 2, tzinfo=UTC), Upload("a", b"a")
    first = held.hold("kim", file, now)
    other = held.hold("lee", file, now)
    assert held.take("kim", other, now) is None
    assert held.take("kim", first, now) == file
    assert held.take("kim", first, now) is None
    assert held.take("lee", other, now) == file


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do")
def test_by_hand_in_a_browser(tmp_path: Path, browser: Any) -> None:
    (tmp_path / "more.jsonl").write_bytes(lines(1, 2, 3))
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk:
        desk.set_admin("kim", PASSWORD)
        with (
            served(desk) as url,
            tab(browser, url, bypass_csp=True, reduced_motion="reduce") as page,
        ):
            page.goto("/admin/sign-in")
            page.locator("[name=name]").fill("kim")
            page.locator("[name=password]").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url("**/admin")
            page.goto("/admin/items")
            page.get_by_role("link", name="Add items").click()
            page.locator("[name=file]").set_input_files(tmp_path / "more.jsonl")
            page.get_by_role("button", name="Look at it").click()
            page.get_by_role("button", name="Add 3 new items").wait_for()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.get_by_role("button", name="Add 3 new items").click()
            page.wait_for_url("**/admin/items")
        assert len(desk.progress().items) == 11
