"""An evaluator's pages without any script: plain forms, from the invite to the thank-you page."""

from pathlib import Path

import pytest
from small_studies import CONSENT, KINDS, Clock, Forms, lay_out, opened, token_in, visiting

from accord.feedback import Ledger
from accord.records import Comparison, Declined, Feedback, Label, Ranking, Rating, Spans, Steps

# What somebody fills in for each kind, and a form that cannot be read with the field that is wrong.
FILLED: dict[str, dict[str, str]] = {
    "comparison": {"preferred": "left", "strength": "0.6"},
    "ranking": {"rank-0": "2", "rank-1": "1", "rank-2": "3", "rank-3": "3"},
    "rating": {"value": "6"},
    "label": {"chosen": "evasive"},
    "spans": {"start-0": "24", "end-0": "28", "type-0": "wrong", "note-0": "it was 1969"},
    "steps": {"step-0": "right", "step-1": "right", "step-2": "wrong", "step-3": "unsure"},
    "correction": {"text": "It was in 1969."},
    "critique": {"text": "It does not say how.", "start": "0", "end": "21"},
    "demonstration": {"text": "Use baking soda,\r\nthen rinse."},
}
WRONG: dict[str, dict[str, str]] = {
    "comparison": {"preferred": "both"},
    "ranking": {"rank-0": "2", "rank-1": "", "rank-2": "", "rank-3": ""},
    "rating": {"value": "12"},
    "label": {"chosen": "purple"},
    "spans": {"start-0": "24", "end-0": "9000", "type-0": "wrong", "note-0": "kept"},
    "steps": {"step-0": "right"},
    "correction": {"text": ""},
    "critique": {"text": "kept", "start": "5", "end": "3"},
    "demonstration": {"text": "k" * 20_001},
}


def feedback_in(ledger: Path) -> list[Feedback]:
    """What is in a ledger."""
    with Ledger(ledger, write=False) as opened_again:
        return list(opened_again.feedback())


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_by_plain_forms(tmp_path: Path, kind: str) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, kind), ledger, Clock()) as desk, visiting(desk, Clock()) as visitor:
        person = visitor()
        assert person.join(desk.invite().token).status_code == 200
        wrong = person.answer(**WRONG[kind])
        assert wrong.status_code == 400
        assert "Not sent yet." in wrong.text
        path = person.work()[0]
        right = person.answer(**FILLED[kind])
        assert (right.status_code, right.url.path) == (200, "/work")
        assert person.work()[0] != path
        declined = person.answer(declined="1", reason="I know nothing about it")
        assert declined.status_code == 200
    first, second = feedback_in(ledger)
    assert first.judgement.kind == kind
    assert second.judgement == Declined(reason="I know nothing about it")
    assert second.position_in_session == 1
    match first.judgement:
        case Comparison(preferred=side, strength=strength):
            assert (side, strength) == ("left", 0.6)
        case Ranking(tiers=tiers):
            assert tiers == ((1,), (0,), (2, 3))
        case Rating(value=value):
            assert value == 6
        case Label(selected=chosen):
            assert chosen == ("evasive",)
        case Spans(spans=(span,)):
            assert (span.start, span.end, span.type, span.note) == (24, 28, "wrong", "it was 1969")
        case Steps(verdicts=verdicts):
            assert verdicts == ("right", "right", "wrong", "unsure")
        case other:
            assert getattr(other, "text", None) == FILLED[kind]["text"].replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("kind", "typed"), [("spans", "9000"), ("spans", "kept"), ("critique", "kept"), ("demonstration", "k" * 20_001)]
)
def test_what_was_typed_comes_back(tmp_path: Path, kind: str, typed: str) -> None:
    with opened(lay_out(tmp_path, kind), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        answer = person.answer(**WRONG[kind])
        assert typed in answer.text
        assert typed in person.get("/work").text  # and is there after a reload


def test_consent_comes_first_and_is_recorded(tmp_path: Path) -> None:
    more = '[attributes]\nage = ["under 40", "40 or more"]\n[pay]\nper_hour = 14'
    with opened(lay_out(tmp_path, more=more), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person, token = visitor(), desk.invite().token
        page = person.get(f"/join/{token}").text
        assert CONSENT.split("\n")[0] in page
        assert "You are paid 14 EUR an hour." in page
        assert "with the time you took" in page
        assert "keystrokes" not in page, "nothing is written here, so none are counted"
        refused = person.join(token, consent="", name="Ada Lovelace")
        assert refused.status_code == 400
        assert 'value="Ada Lovelace"' in refused.text
        assert person.get("/work").status_code == 401
        joined = person.join(token, name="Ada Lovelace", **{"about-0": "under 40"})
        assert joined.url.path == "/instructions"
        (pseudonym,) = [person.pseudonym for person in desk.progress().people]
        assert dict(desk.person(pseudonym).attributes) == {"age": "under 40"}
        assert desk.contact(pseudonym) == ("Ada Lovelace", "")


def test_practice_is_explained_and_does_not_count(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, practice=True), ledger) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        assert "Practice 1 of 1" in person.get("/work").text
        path, form = person.work()
        page = person.client.post(path, data={**form, "preferred": "tie"})
        assert page.status_code == 200
        assert "Not what was expected" in page.text
        assert "about equal" in page.text
        assert "<strong>what to do</strong>" in page.text
        again = person.client.post(path, data={**form, "preferred": "tie"})
        assert "Not what was expected" in again.text
        assert "Practice" not in person.get("/work").text
    assert feedback_in(ledger) == []


def test_undo_brings_the_answer_back_and_replaces_it(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path), ledger) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        assert "Undo" not in person.get("/work").text
        person.answer(preferred="left", strength="1")
        back = person.post("/undo", seen="/work")
        assert "an answer of yours again" in back.text
        assert Forms(back.text).forms[person.work()[0]] | {"preferred": "left", "strength": "1"} == person.work()[1]
        person.answer(preferred="right", strength="")
        nothing = person.post("/undo", seen="/work")
        assert nothing.status_code == 200
    first, second = feedback_in(ledger)
    assert second.replaces == first.id
    assert second.completions == first.completions


def test_undo_with_nothing_to_undo(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        nothing = person.post("/undo", seen="/work")
        assert nothing.status_code == 400
        assert "no answer of this session" in nothing.text


@pytest.mark.parametrize("kind", ["ranking", "spans", "steps", "critique"])
def test_drafts_are_there_after_a_reload(tmp_path: Path, kind: str) -> None:
    with opened(lay_out(tmp_path, kind), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        path, form = person.work()
        answer = person.client.post(f"{path}/draft", data={**form, **FILLED[kind]})
        assert (answer.status_code, answer.content) == (204, b"")
        page = person.get("/work").text
        again = person.work()[1]
        for name, value in FILLED[kind].items():
            chosen = name.startswith(("rank", "type"))
            assert f" selected>{value}</option>" in page if chosen else again[name] == value


def test_a_double_submit_is_one_answer(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path), ledger) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        path, form = person.work()
        for _ in range(2):
            assert person.client.post(path, data={**form, "preferred": "left"}).status_code == 303
        late = person.client.post(path, data={**form, "preferred": "right"})
        assert late.status_code == 409
        assert "This came too late" in late.text
    assert len(feedback_in(ledger)) == 1


def test_a_submit_after_pause_is_kept_but_not_taken(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, "critique"), ledger) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        (one,) = desk.progress().people
        path, form = person.work()
        desk.pause(one.pseudonym, "let us talk")
        refused = person.client.post(path, data={**form, "text": "my long thought"})
        assert refused.status_code == 409
        assert "my long thought" in refused.text
        assert "Your part is paused" in person.get("/work").text
        desk.resume(one.pseudonym)
        assert person.work()[1]["text"] == "my long thought"
        assert person.answer(text="my long thought").status_code == 200
    assert len(feedback_in(ledger)) == 1


def test_a_warning_is_told_first_and_may_be_skipped(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, warning="violence"), ledger) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert "violence" in page
        assert page.index("<details") < page.index("Answer 1")
        person.answer(declined="content warning")
    (only,) = feedback_in(ledger)
    assert only.judgement == Declined(reason="content warning")


def test_breaks_and_the_end(tmp_path: Path) -> None:
    clock = Clock()
    study = lay_out(tmp_path, top="session_items = 3\nbreak_minutes = 10")
    with opened(study, tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        for _ in range(3):
            clock.go_on(20)
            person.answer(preferred="left")
        rest = person.get("/work").text
        assert "A break" in rest
        assert "Mar 2, 2026, 9:11" in rest
        assert 'datetime="2026-03-02T09:11:00+00:00"' in rest
        clock.go_on(601)
        for _ in range(3):
            person.answer(preferred="left")
        clock.go_on(601)
        for _ in range(2):
            person.answer(preferred="left")
        assert "Thank you" in person.get("/work").text


def test_times_and_what_was_shown_are_on_record(tmp_path: Path) -> None:
    clock, ledger = Clock(), tmp_path / "people.db"
    with opened(lay_out(tmp_path, "critique"), ledger, clock) as desk, visiting(desk, clock) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        person.work()
        clock.go_on(42)
        person.answer(text="Good.", pasted="1", keystrokes="5", focus_lost="0", seconds="21.5")
        clock.go_on(-3600)  # a clock that jumps back costs nobody an answer
        person.answer(text="Good too.", pasted="x", keystrokes="-1", focus_lost="9" * 30, seconds="nan", shown="<b>")
    first, second = feedback_in(ledger)
    assert first.seconds == 42
    assert first.shown_digest == first.available_digest
    assert first.telemetry.model_dump() == {"pasted": 1, "keystrokes": 5, "focus_lost": 0, "active_seconds": 21.5}
    assert second.seconds is None
    assert second.telemetry is None
    assert second.shown_digest == second.available_digest


def test_links_that_do_not_work_say_why(tmp_path: Path) -> None:
    clock = Clock()
    with opened(lay_out(tmp_path), tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        used, old = desk.invite().token, desk.invite(days=1).token
        person = visitor()
        person.join(used)
        assert person.get(f"/join/{used}").url.path == "/work"  # their own link, opened again
        clock.go_on(2 * 86_400)
        for token, title, status in ((used, "was used", 410), (old, "has expired", 410), ("x.y", "does not work", 403)):
            page = visitor().get(f"/join/{token}")
            assert (page.status_code, title in page.text) == (status, True)


def test_a_sign_in_link_goes_on_where_one_was(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        first, second = visitor(), visitor()
        first.join(desk.invite().token)
        first.answer(preferred="left")
        (one,) = desk.progress().people
        link = desk.link(one.pseudonym).token
        page = second.get(f"/join/{link}").text
        assert "Welcome back" in page
        assert (
            second.client.post(f"/join/{link}", data={"_csrf": token_in(page)}, follow_redirects=True).url.path
            == "/work"
        )
        assert second.work()[0] == first.work()[0]


def test_leaving_ends_the_session(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        cookie = person.client.cookies[f"accord-person-{desk.tag}"]
        assert person.get("/").url.path == "/work"
        assert "signed out" in person.post("/leave", seen="/pause").text
        person.client.cookies.set(f"accord-person-{desk.tag}", cookie)
        assert person.get("/work").status_code == 401


def test_instructions_are_there_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        for path in ("/work", "/instructions"):
            assert "Length is not quality." in person.get(path).text
