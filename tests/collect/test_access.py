"""Coming in: invites, links, sessions; and being forgotten."""

from pathlib import Path

import pytest
from small_desks import Clock, answer, join, lay, opened, task

from accord.collect import Desk, Paused, Task
from accord.errors import AccessError, Conflict, FormError, LedgerError
from accord.feedback import Ledger

NAME, CONTACT = "Annabella Zweistein", "annabella@zweistein.example"
ATTRIBUTES = {"age": ["young", "old"]}


def refused(desk: Desk, token: str) -> str:
    with pytest.raises(AccessError) as caught:
        desk.accept(token, consent=True)
    with pytest.raises(AccessError):
        desk.examine(token)
    return caught.value.reason


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("l.db*"))


def test_an_invite_is_good_once_and_for_a_while(tmp_path: Path, where: Path | str) -> None:
    clock = Clock()
    with Ledger(where) as ledger:
        desk = opened(
            lay(tmp_path, attributes=ATTRIBUTES, recruitment="by letter", pay={"per_item": 0.2}), ledger, clock
        )
        invite = desk.invite(note="for A.", days=1, attributes={"age": "old"})
        assert (invite.expires - clock.now).days == 1
        assert desk.examine(invite.token).kind == "invite"
        assert desk.examine(invite.token).attributes == {"age": "old"}
        with pytest.raises(FormError) as caught:
            desk.accept(invite.token, consent=False)
        assert caught.value.field == "consent"
        anna = desk.accept(invite.token, consent=True, attributes={"age": "young"}, name=NAME, contact=CONTACT)
        assert anna.attributes == {"age": "old"}, "what the invite sets stands"
        assert refused(desk, invite.token) == "used"
        evaluator = ledger.evaluators()[anna.evaluator]
        assert (evaluator.kind, evaluator.pseudonym, evaluator.pool) == ("person", anna.pseudonym, "small")
        assert (evaluator.recruitment, evaluator.payment) == ("by letter", "0.2 EUR an item")
        assert evaluator.attributes == {"age": "old"}
        assert desk.contact(anna.pseudonym) == (NAME, CONTACT)
        late = desk.invite(days=1)
        clock.move(days=1, seconds=1)
        assert refused(desk, late.token) == "expired"


def test_a_forged_token_lets_nobody_in(tmp_path: Path) -> None:
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "other.db") as other:
        desk, elsewhere = opened(lay(tmp_path), one), opened(lay(tmp_path), other)
        token = desk.invite().token
        for forged in ("", "x", token[:-2], token + "a", "x" * 10_000, token.upper(), "\ud800", "\0", "é.é"):
            assert refused(desk, forged) == "forged"
        assert refused(elsewhere, token) == "forged"
        second = opened(lay(tmp_path, name="second"), one)
        assert refused(second, token) == "forged", "an invite is of one study"
        assert desk.examine(token).kind == "invite"


def test_attributes_and_contact_are_checked(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, attributes=ATTRIBUTES), ledger)
        token = desk.invite().token
        for attributes, contact, field in (
            ({"agee": "old"}, None, "agee"),
            ({"age": "ancient"}, None, "age"),
            ({}, "x" * 301, "contact"),
            ({}, "a\0b", "contact"),
        ):
            with pytest.raises(FormError) as caught:
                desk.accept(token, consent=True, attributes=attributes, contact=contact)
            assert caught.value.field == field
        anna = desk.accept(token, consent=True, attributes={"age": ""})
        assert anna.attributes == {}
        assert desk.contact(anna.pseudonym) is None


def test_a_link_lets_in_who_is_known(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        anna = join(desk)
        current = task(desk, anna)
        link = desk.link(anna.pseudonym)
        assert desk.examine(link.token).person == anna.pseudonym
        again = desk.accept(link.token, consent=False)
        assert again.pseudonym == anna.pseudonym
        assert desk.next(again) == current
        assert refused(desk, link.token) == "used"
        second = desk.link(anna.pseudonym)
        desk.pause(anna.pseudonym, "to talk")
        assert refused(desk, second.token) == "paused"
        assert len(ledger.evaluators()) == 1
        with pytest.raises(AccessError, match="does not know you"):
            desk.link("p-nobody")


def test_sessions_are_kept_by_digest_and_expire(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger, clock)
        token = desk.sessions.create("person", "p-1", hours=1, data={"csrf": "x"})
        login = desk.sessions.find(token)
        assert login is not None
        assert (login.kind, login.subject, dict(login.data)) == ("person", "p-1", {"csrf": "x"})
        assert token.encode() not in everything(tmp_path)
        other = desk.sessions.create("admin", "root", hours=3)
        assert desk.sessions.find("nothing") is None
        desk.sessions.drop(other)
        assert desk.sessions.find(other) is None
        clock.move(hours=1)
        assert desk.sessions.find(token) is None


def test_admins_have_a_password(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        assert not desk.check_admin("root", "correct horse")
        desk.set_admin("root", "correct horse")
        assert desk.check_admin("root", "correct horse")
        assert not desk.check_admin("root", "correct horse ")
        assert not desk.check_admin("root", "x" * 100_000)
        token = desk.sessions.create("admin", "root")
        desk.set_admin("root", "another horse")
        assert desk.sessions.find(token) is None, "a new password ends the sessions of the old one"
        assert not desk.check_admin("root", "correct horse")
        for name, password in (("root", "short"), ("", "long enough"), ("root", "x" * 1_001)):
            with pytest.raises(FormError):
                desk.set_admin(name, password)


def test_erasing_leaves_the_feedback_and_no_trace_of_who_it_was(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, attributes=ATTRIBUTES), ledger)
        token = desk.invite(note=f"sent to {CONTACT}").token
        anna = desk.accept(token, consent=True, attributes={"age": "old"}, name=NAME, contact=CONTACT)
        others = [
            desk.accept(desk.invite().token, consent=True, name=f"Person {n}", contact=f"p{n}@example.org" * 5)
            for n in range(60)
        ]
        answer(desk, anna)
        current = task(desk, anna)
        desk.save_draft(anna, current.reservation, {"preferred": "left"})
        desk.pause(anna.pseudonym, f"call {NAME}")
        desk.resume(anna.pseudonym)
        cookie = desk.sessions.create("person", anna.pseudonym)
        assert NAME.encode() in everything(tmp_path), "the fault that the search would find"
        desk.erase(anna.pseudonym)
        for trace in (NAME, CONTACT, "Zweistein", "zweistein"):
            assert trace.encode() not in everything(tmp_path)
        assert ledger.rows() == 1
        assert desk.contact(anna.pseudonym) is None
        assert desk.sessions.find(cookie) is None
        gone = desk.person(anna.pseudonym)
        assert gone is not None
        assert (gone.status, gone.attributes, gone.done) == ("erased", {}, 1)
        assert isinstance(desk.next(anna), Paused)
        with pytest.raises(Conflict, match="asked to be forgotten"):
            desk.submit(anna, current.reservation, {"preferred": "left"})
        assert isinstance(desk.next(others[0]), Task)
        with pytest.raises(AccessError):
            desk.accept(desk.link(anna.pseudonym).token, consent=True)
        with pytest.raises(LedgerError, match="was erased"):
            desk.resume(anna.pseudonym)
        desk.erase(anna.pseudonym)
        assert desk.contact(others[0].pseudonym) is not None


def test_whoever_reads_an_old_state_keeps_the_traces_and_this_is_said(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db", timeout=0.3) as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = desk.accept(desk.invite().token, consent=True, name=NAME)
        with ledger.begin() as reading:
            reading.exec_driver_sql("SELECT count(*) FROM collect_contacts")
            assert "l.db and its write-ahead log, since somebody" in desk.erase(anna.pseudonym)
            assert isinstance(desk.next(anna), Paused)
            bob = desk.accept(desk.invite().token, consent=True)  # others go on, and at once
            assert isinstance(desk.next(bob), Task)
            assert "l.db" in desk.erase_again()
            assert NAME.encode() in everything(tmp_path)
        assert desk.erase(anna.pseudonym) == ""
        assert NAME.encode() not in everything(tmp_path)


@pytest.mark.slow
def test_erasing_on_postgresql(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        desk = opened(lay(tmp_path), ledger)
        anna = desk.accept(desk.invite().token, consent=True, name=NAME, contact=CONTACT)
        answer(desk, anna)
        assert desk.erase(anna.pseudonym) == ""
        assert desk.contact(anna.pseudonym) is None
        assert ledger.rows() == 1


def test_what_was_left_is_done_at_the_next_start(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        study = lay(tmp_path)
        desk = opened(study, ledger)
        anna = desk.accept(desk.invite().token, consent=True, name=NAME)
        with ledger.begin() as reading:
            reading.exec_driver_sql("SELECT count(*) FROM collect_contacts")
            assert desk.erase(anna.pseudonym)
        again = opened(study, ledger)
        assert NAME.encode() not in everything(tmp_path)
        assert again.erase_again() == ""


def test_a_ledger_that_others_can_read_is_closed_by_the_desk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "l.db"
    with Ledger(path, pooled=True) as ledger:
        ledger.counts()
        for each in tmp_path.glob("l.db*"):
            each.chmod(0o644)
        opened(lay(tmp_path), ledger)
        assert {each.stat().st_mode & 0o777 for each in tmp_path.glob("l.db*")} == {0o600}
        assert "all users of this machine could read it" in caplog.text
        caplog.clear()
        opened(lay(tmp_path), ledger)
        assert "could read it" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("how", ["dump", "snapshot"])
def test_who_reads_on_postgresql_holds_nobody_up_and_is_told_of(tmp_path: Path, where: Path | str, how: str) -> None:
    """A dump holds every table; a snapshot holds none, and sees what was there."""
    with Ledger(where) as ledger:
        if isinstance(where, Path):
            pytest.skip("SQLite has its own")
        desk = opened(lay(tmp_path), ledger)
        anna = desk.accept(desk.invite().token, consent=True, name=NAME, contact=CONTACT)
        with ledger.begin() as reading:
            table = "collect_contacts" if how == "dump" else "pg_class"
            reading.exec_driver_sql(f"SELECT count(*) FROM {table}")
            left = desk.erase(anna.pseudonym)
            assert left.startswith("collect_contacts, since somebody " + ("else" if how == "dump" else "reads"))
            bob = desk.accept(desk.invite().token, consent=True)
            assert isinstance(desk.next(bob), Task)
        assert desk.erase(anna.pseudonym) == ""
        assert desk.erase_again() == ""
