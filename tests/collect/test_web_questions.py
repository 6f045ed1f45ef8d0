"""Pages of a study with several questions: plain forms first, then a browser with keys."""

from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, feedback_in, send, shown, violations
from several_laid_out import IN_TURN, TOGETHER, lay_out_several
from small_studies import Clock, opened, visiting

from accord.records import Comparison, Demonstration, Label, Rating, Spans

in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"
)


def test_in_turn_by_plain_forms(tmp_path: Path) -> None:
    study = lay_out_several(tmp_path, IN_TURN)
    with opened(study, tmp_path / "people.db", Clock()) as desk, visiting(desk, Clock()) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert "Question 1 of 3 about this item" in page
        assert "How clear is the better one?" not in page
        page = person.answer(preferred="left").text
        assert "Question 2 of 3" in page
        assert "answer 1 is better" in page
        assert person.answer(value="9").status_code == 400
        page = person.answer(value="6").text
        assert "Put the better one right." in page
        assert 'name="open"' in page, "what may be left open has a button for it"
        assert feedback_in(tmp_path / "people.db") == []
        person.post("/undo", seen="/work")
        assert 'value="6" required checked' in " ".join(person.get("/work").text.split()).replace(' data-keys="6"', "")
        person.answer(value="7")
        page = person.answer(open="1").text
        assert "Question 1 of 3" in page
        judged = [record.judgement for record in feedback_in(tmp_path / "people.db")]
        assert [judgement.kind for judgement in judged] == ["comparison", "rating"]
        person.answer(preferred="right")
        assert "not judged (not mine)" in person.answer(declined="1", reason="not mine").text


def test_together_by_plain_forms(tmp_path: Path) -> None:
    study = lay_out_several(tmp_path, TOGETHER)
    with opened(study, tmp_path / "people.db", Clock()) as desk, visiting(desk, Clock()) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert page.count('class="part"') == 5
        form = {"better.preferred": "left", "clear.value": "5", "faults.chosen": ["rude", "false"]}
        bad = person.answer(**{**form, "clear.value": "12", "own.text": "What I would say."})
        assert bad.status_code == 400
        assert "How clear is it? Choose a number from 1 to 7" in bad.text
        assert "What I would say." in bad.text
        marks = {"wrong.start-0": "0", "wrong.end-0": "3", "wrong.type-0": "wrong", "own.text": "What I would say."}
        assert person.answer(**form, **marks).status_code == 200
    kinds = {record.study.rpartition(".")[2]: record.judgement for record in feedback_in(tmp_path / "people.db")}
    assert isinstance(kinds["better"], Comparison)
    assert isinstance(kinds["clear"], Rating)
    assert kinds["faults"] == Label(selected=("rude", "false"), options=("rude", "false", "evasive"))
    assert isinstance(kinds["wrong"], Spans)
    assert kinds["own"] == Demonstration(text="What I would say.")


def test_help_has_the_keys_of_every_kind(tmp_path: Path) -> None:
    with opened(lay_out_several(tmp_path, TOGETHER), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/instructions").text
        assert all(words in page for words in ("about equal", "choose that number", "none of these", "mark what is"))


@in_a_browser
@pytest.mark.slow
def test_together_by_keyboard(tmp_path: Path, browser: Any) -> None:
    with shown(browser, lay_out_several(tmp_path, TOGETHER)) as (desk, page):
        enter(page, desk)
        page.keyboard.press("1")  # better
        page.locator("[data-part]").nth(1).locator("input").first.focus()
        page.keyboard.press("5")  # clear; then the next one hears
        page.keyboard.press("2")
        send(page)
    kinds = {record.study.rpartition(".")[2]: record.judgement for record in feedback_in(tmp_path / "people.db")}
    assert kinds["better"] == Comparison(preferred="left")
    assert isinstance(kinds["clear"], Rating)
    assert kinds["clear"].value == 5
    assert kinds["faults"] == Label(selected=("false",), options=("rude", "false", "evasive"))


@in_a_browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("questions", [IN_TURN, TOGETHER], ids=["in turn", "together"])
def test_axe_finds_nothing(tmp_path: Path, browser: Any, questions: str, scheme: str) -> None:
    study, themed = lay_out_several(tmp_path, questions), {"bypass_csp": True, "reduced_motion": "reduce"}
    with shown(browser, study, scheme=scheme, **themed) as (desk, page):
        enter(page, desk)
        problems = violations(page)
        page.keyboard.press("1")
        if questions == IN_TURN:
            send_step(page)
            problems += violations(page)
            page.keyboard.press("5")
            send_step(page)
        problems += violations(page)
        page.keyboard.press("?")
        assert problems + violations(page) == []


def send_step(page: Any) -> None:
    """Send, and wait for the next question about the same item."""
    before = page.locator("h1").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_function("before => document.querySelector('h1')?.innerText !== before", arg=before)
