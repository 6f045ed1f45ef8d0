"""The pages of a dialogue: by plain forms alone, and by keyboard in a browser."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, tab, violations
from small_studies import Forms, Visitor, served, visiting
from test_dialogue import Echo

from accord.collect import Desk, Study
from accord.errors import ModelError
from accord.feedback import Ledger
from accord.records import Comparison, Correction, Label

TOML = """
name = "talk"
title = "Talk with it"
items_file = "items.jsonl"
thanks = "That is all."
[dialogue]
least = 1
most = 3
{more}
[[questions]]
text = "Which answer helps more?"
{question}
"""
COMPARISON = 'kind = "comparison"'
THUMBS = 'kind = "label"\nlabels = ["up", "down"]\nsingle = true'


@contextmanager
def talking(folder: Path, writer: Echo, question: str = COMPARISON, more: str = "") -> Iterator[Desk]:
    """The desk of a study with a dialogue on one topic."""
    (folder / "items.jsonl").write_text(json.dumps({"prompt": "Plan a weekend."}) + "\n")
    (folder / "study.toml").write_text(TOML.format(question=question, more=more))
    with Ledger(folder / "l.db", pooled=True) as ledger:
        desk = Desk(Study.load(folder / "study.toml"), ledger, writer=writer)
        desk.load_items()
        yield desk


def say(person: Visitor, text: str) -> Any:
    """What somebody without scripts says."""
    forms = Forms(person.get("/work").text).forms
    [path] = [path for path in forms if path.endswith("/say")]
    return person.client.post(path, data={**forms[path], "text": text}, follow_redirects=True)


def test_a_conversation_without_scripts(tmp_path: Path) -> None:
    writer = Echo(ModelError("gone"))
    with talking(tmp_path, writer) as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        page = person.get("/work").text
        assert "Plan a weekend." in page
        empty = say(person, " ")
        assert (empty.status_code, "Nothing was written" in empty.text) == (400, True)
        failed = say(person, "A <b>city</b>?").text
        assert "the model could not be reached" in failed
        assert "A &lt;b&gt;city&lt;/b&gt;?</textarea>" in failed
        judged = say(person, "A <b>city</b>?").text
        assert "Turn 1 of at most 3" in judged
        missing = person.answer()
        assert missing.status_code == 400
        person.answer(preferred="left")
        assert "End the conversation" in person.get("/work").text
        person.post("/undo", seen="/work")
        assert "This is an answer of yours again" in person.get("/work").text
        person.answer(preferred="right")
        for text in ("Two", "Three"):
            say(person, text)
            person.answer(preferred="left")
        page = person.get("/work").text
        assert "This conversation is over" in page
        [path] = [path for path in Forms(page).forms if path.endswith("/end")]
        assert "That is all." in person.post(path, seen="/work").text
        first, second, *_ = desk.ledger.feedback()
        assert second.replaces == first.id
        assert desk.progress().answers == 1


in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.mark.slow
@in_chromium
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (380, "dark")])
def test_by_keyboard(tmp_path: Path, browser: Any, width: int, scheme: str) -> None:
    with talking(tmp_path, Echo(), THUMBS, "edits = true") as desk, served(desk) as url:
        with tab(browser, url, width=width, scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page:
            enter(page, desk)
            assert page.evaluate("document.activeElement.name") == "text"
            page.keyboard.type("Where to?")
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("[data-kind=label]")
            page.keyboard.press("p")
            page.keyboard.press("t")
            page.keyboard.press("Control+a")
            page.keyboard.type("To Bern.")
            page.keyboard.press("Escape")
            page.keyboard.press("2")
            problems = violations(page)
            page.keyboard.press("Enter")
            page.wait_for_selector("[data-kind=dialogue]")
            assert page.locator(".turn.assistant .text:visible").inner_text() == "To Bern."
            assert problems + violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.keyboard.press("Escape")
            page.keyboard.press("e")
            page.wait_for_selector("text=That is all.")
        label, correction = desk.ledger.feedback()
    assert label.judgement == Label(selected=("down",), options=("up", "down"))
    assert correction.judgement == Correction(text="To Bern.")
    assert label.telemetry is not None


@pytest.mark.slow
@in_chromium
def test_two_answers_by_keyboard(tmp_path: Path, browser: Any) -> None:
    with talking(tmp_path, Echo()) as desk, served(desk) as url:
        with tab(browser, url) as page:
            enter(page, desk)
            for _ in range(3):
                page.keyboard.type("And then?")
                page.keyboard.press("Control+Enter")
                page.wait_for_selector("[data-kind=comparison]")
                page.keyboard.press("1")
                page.keyboard.press("Enter")
                page.wait_for_selector("[data-kind=dialogue]")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=That is all.")
        assert [record.judgement for record in desk.ledger.feedback()] == [Comparison(preferred="left")] * 3
