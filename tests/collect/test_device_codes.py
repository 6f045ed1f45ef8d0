"""A second device by a short code: once, for ten minutes, for whoever made it."""

from pathlib import Path

import pytest
from small_desks import Clock, join, lay, opened
from small_studies import lay_out, visiting
from small_studies import opened as opened_study

from accord.errors import AccessError
from accord.feedback import Ledger


def test_a_code_lets_in_once_and_for_ten_minutes(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "b").mkdir()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        other = opened(lay(tmp_path / "b", name="other"), ledger, clock)
        one, two = join(desk), join(desk)
        first = desk.device_code(one)
        typed = f" {first.code.lower().replace('-', ' ')} "
        with pytest.raises(AccessError, match="wrong"):
            other.accept_code(first.code)
        assert desk.accept_code(typed).pseudonym == one.pseudonym
        with pytest.raises(AccessError, match="was used"):
            desk.accept_code(first.code)
        late = desk.device_code(two)
        clock.move(seconds=601)
        old, new = desk.device_code(one), desk.device_code(one)
        paused = desk.device_code(two)
        desk.pause(two.pseudonym, "why")
        desk_codes = (late.code, old.code, "", "-", "x" * 10_000, "\0", "%", new.code[:-1], new.code + "2")
        for code in desk_codes:
            with pytest.raises(AccessError, match="wrong, was used"):
                desk.accept_code(code)
        with pytest.raises(AccessError, match="paused"):
            desk.accept_code(paused.code)
        with pytest.raises(AccessError, match="paused"):
            desk.device_code(two)
        assert desk.accept_code(new.code).pseudonym == one.pseudonym
        erased = desk.device_code(one)
        desk.erase(one.pseudonym)
        with pytest.raises(AccessError):
            desk.accept_code(erased.code)
    content = (tmp_path / "l.db").read_bytes()
    assert not any(code.code.replace("-", "").encode() in content for code in (first, new, erased))


def test_two_devices_are_one_person(tmp_path: Path) -> None:
    with opened_study(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        phone, laptop, stranger = visitor(), visitor(), visitor()
        assert stranger.get("/device").status_code == 401
        laptop.join(desk.invite().token)
        page = laptop.post("/device").text
        code = page.split('aria-label="The code">')[1].split("<")[0]
        assert phone.post("/code", {"code": code}).url.path == "/instructions"
        assert phone.work()[0] == laptop.work()[0]
        assert len(desk.progress().people) == 1
        statuses = [stranger.post("/code", {"code": code}).status_code for _ in range(12)]
        assert statuses == [403] * 10 + [429] * 2
        assert laptop.get("/work").status_code == 200
