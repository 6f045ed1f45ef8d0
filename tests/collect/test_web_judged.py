"""What is shown is what is judged, and what is done is what is meant: cases that people met, in a browser."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, feedback_in, send, shown
from small_studies import KINDS, lay_out

from accord.records import Correction, Ranking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"),
]


def items_of(study: Path, *lines: dict[str, Any]) -> Path:
    """The study with other items."""
    (study.parent / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return study


def texts_in(page: Any, selector: str = ".answer .text") -> list[str]:
    """What is seen of the answers."""
    return [text.text_content().strip("\n") for text in page.locator(f"{selector}:visible").all()]


def test_what_is_shown_is_what_is_judged(tmp_path: Path, browser: Any) -> None:
    pairs = [
        ("x**2 + y**2", "x2 + y2"),
        ("5*4*3 = 60", "543 = 60"),
        ("__init__", "init"),
        (r"\(x\)", "(x)"),
        ("if x:\n    y", "if x:\ny"),
        ("**good**", "good"),
    ]
    lines = [{"prompt": f"{number}", "completions": [*pair]} for number, pair in enumerate(pairs)]
    with shown(browser, items_of(lay_out(tmp_path, top="overlap = 1"), *lines)) as (desk, page):
        enter(page, desk)
        met = set()
        for _ in pairs:
            met.add(tuple(sorted(texts_in(page))))
            page.keyboard.press("1")
            with page.expect_navigation(url="**/work"):
                page.keyboard.press("Enter")
    pairs[4] = ("if x:↵\n␣␣␣␣y", "if x:↵\ny")
    assert met == {tuple(sorted(pair)) for pair in pairs}


def test_the_source_is_a_key_away(tmp_path: Path, browser: Any) -> None:
    lines = [{"prompt": "`a`", "completions": ["**bold** and\n\n- a point", "plain"]}]
    with shown(browser, items_of(lay_out(tmp_path), *lines)) as (desk, page):
        enter(page, desk)
        assert "**" not in page.locator("main").inner_text()
        page.keyboard.press("o")
        assert set(texts_in(page)) == {"**bold** and\n\n- a point", "plain"}
        assert texts_in(page, ".turn .text") == ["`a`"]
        page.keyboard.press("o")
        assert "**" not in page.locator("main").inner_text()
        assert "source" not in page.evaluate("[...new FormData(document.querySelector('form.judge')).keys()]")


LAYOUTS = {
    "caps": "RWUX",
    "cyrillic": "\u043a\u0446\u0433\u0447",
    "greek": "\u03c1\u03c2\u03b8\u03c7",
    "input method": ["Process"] * 4,
}


def press(page: Any, key: str, code: str) -> None:
    """A key as it arrives from another layout."""
    event = "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true}))"
    page.evaluate(event, [key, code])


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_letter_keys_go_by_place_on_other_layouts(tmp_path: Path, browser: Any, layout: str) -> None:
    keys = zip(LAYOUTS[layout], ("KeyR", "KeyW", "KeyU", "KeyX"), strict=True)
    with shown(browser, lay_out(tmp_path, "steps")) as (desk, page):
        enter(page, desk)
        for key, code in keys:
            press(page, key, code)
        chosen = [box.input_value() for box in page.locator(".step input:checked").all()]
        assert chosen == ["right", "wrong", "unsure"]
        assert page.locator("details.decline[open]").count() == 1


def test_digits_go_by_place_where_signs_stand_on_them(tmp_path: Path, browser: Any) -> None:
    with shown(browser, lay_out(tmp_path)) as (desk, page):
        enter(page, desk)
        for key, code, side in (("é", "Digit2", "right"), ("&", "Digit1", "left"), ("\u0663", "Digit3", "tie")):
            press(page, key, code)
            assert page.locator("[name=preferred]:checked").input_value() == side


def test_the_key_of_a_number_is_the_number(tmp_path: Path, browser: Any) -> None:
    study, ledger = lay_out(tmp_path, "rating"), tmp_path / "people.db"
    study.write_text(study.read_text().replace("low = 1", "low = -3").replace("high = 7", "high = 3"))
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        assert page.locator(".scale .choice").first.inner_text().split() == ["a", "-3"]
        for key in ("2", "a", "0"):
            page.keyboard.press(key)
            send(page)
    assert [answer.judgement.value for answer in feedback_in(ledger)] == [2, -3, 0]


def test_a_ranking_is_asked_for(tmp_path: Path, browser: Any) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, "ranking")) as (desk, page):
        enter(page, desk)
        page.keyboard.press("Enter")
        page.locator("#status", has_text="Put the answers in order first").wait_for()
        assert page.locator(".rank").all_inner_texts() == ["–"] * 4
        page.keyboard.press("k")
        assert page.locator(".rank").all_inner_texts() == ["1", "2", "3", "4"]
        send(page)
        page.keyboard.press("x")
        page.keyboard.press("Tab")
        send(page)
    assert [answer.judgement.kind for answer in feedback_in(ledger)] == ["ranking", "declined"]


def test_a_ranking_by_touch(tmp_path: Path, browser: Any) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, "ranking"), width=420, is_mobile=True, has_touch=True) as (desk, page):
        enter(page, desk)
        handle = page.locator(".handle").nth(2).bounding_box()
        first = page.locator(".ranking .answer").first.bounding_box()
        finger = page.context.new_cdp_session(page)
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for part in (0.3, 0.6, 1.0):
            there = {"x": x, "y": y + part * (first["y"] + 5 - y)}
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [there]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_function("document.querySelector('.rank').textContent === '1'")
        assert page.locator(".ranking .who").first.get_attribute("data-name") == "Answer 3"
        send(page)
    assert feedback_in(ledger)[0].judgement == Ranking(tiers=((2,), (0,), (1,), (3,)))


@pytest.mark.parametrize(("kind", "problem"), [("spans", "Nothing was marked"), ("correction", "Nothing was changed")])
def test_a_page_that_nobody_touched_is_no_answer(tmp_path: Path, browser: Any, kind: str, problem: str) -> None:
    ledger, complaint = tmp_path / "people.db", "400 (Bad Request)"
    with shown(browser, lay_out(tmp_path, kind), refused=complaint) as (desk, page):
        enter(page, desk)
        page.keyboard.press("Enter")
        page.get_by_text(problem).wait_for()
        page.keyboard.press("0")
        send(page)
    [answer] = feedback_in(ledger)
    assert answer.judgement.kind == kind


def test_enter_ends_a_note_and_sends_nothing(tmp_path: Path, browser: Any) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, "spans")) as (desk, page):
        enter(page, desk)
        page.keyboard.press("t")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("1")
        before = page.locator("form.judge").get_attribute("action")
        page.locator("[name=note-0]").click()
        page.keyboard.type("wrong year")
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
        assert page.locator("form.judge").get_attribute("action") == before
        page.locator("[name=note-0]").click()
        send(page, "Control+Enter")
    [span] = feedback_in(ledger)[0].judgement.spans
    assert span.note == "wrong year"


def test_a_page_full_of_marks_says_so_and_can_be_sent(tmp_path: Path, browser: Any) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, "spans")) as (desk, page):
        enter(page, desk)
        page.keyboard.press("t")
        page.keyboard.press("ArrowRight")
        page.evaluate("() => { for (let n = 0; n < 100; n += 1) document.querySelector('[data-type]').click(); }")
        assert page.locator("#status").inner_text().startswith("Marked as wrong")
        page.keyboard.press("1")
        page.locator("#status", has_text="At most 100 marks").wait_for()
        page.locator("#status", has_text="Saved").wait_for()
        page.reload()
        assert page.locator(".span:visible").count() == 100
        send(page)
    assert len(feedback_in(ledger)[0].judgement.spans) == 100


def test_line_ends_of_every_kind_in_spans_and_corrections(tmp_path: Path, browser: Any) -> None:
    text = "one\r\ntwo\rthree\nfour \u0645\u0631\u062d\u0628\u0627 (x)"
    study = items_of(lay_out(tmp_path / "a", "spans"), {"prompt": "x", "completions": [text]})
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        assert page.locator(".marks").inner_text().split("\n")[0].endswith("one")
        assert page.locator(".marks .odd").count() == 0
        page.keyboard.press("t")
        for key in ("ArrowRight", "1", "ArrowRight", "2", "ArrowRight", "1", "ArrowDown", "2"):
            page.keyboard.press(key)
        page.locator("q", has_text="three").wait_for()
        send_last(page)
    marked = [text[span.start : span.end] for span in feedback_in(tmp_path / "a" / "people.db")[0].judgement.spans]
    assert marked[:3] == ["one", "two", "three"]
    study = items_of(lay_out(tmp_path / "b", "correction"), {"prompt": "x", "completions": [text]})
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        assert page.locator(".diff del, .diff ins").count() == 0
        page.keyboard.press("0")
        send_last(page)
    assert feedback_in(tmp_path / "b" / "people.db")[0].judgement == Correction(text=text)


def send_last(page: Any) -> None:
    """Send the last answer that there is."""
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Thank you").wait_for()


def test_right_to_left_by_paragraph(tmp_path: Path, browser: Any) -> None:
    arabic = "\u0645\u0631\u062d\u0628\u0627 (hello) API.\n\nEnglish (\u0645\u0631\u062d\u0628\u0627)."
    directions = "element => [...element.querySelectorAll('p, div[dir]')].map(e => getComputedStyle(e).direction)"
    for kind in ("comparison", "spans", "correction"):
        completions = [arabic, "x"][: 2 if kind == "comparison" else 1]
        study = items_of(lay_out(tmp_path / kind, kind), {"prompt": arabic, "completions": completions})
        with shown(browser, study) as (desk, page):
            enter(page, desk)
            places = page.locator(".turn .text.rendered, .marks, .answer .text:has-text('API'):visible")
            assert places.count() == 2
            for place in places.all():
                ways = place.evaluate(directions)
                assert (ways[0], ways[-1]) == ("rtl", "ltr")


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_judged_asks_not_to_be_translated(tmp_path: Path, browser: Any, kind: str) -> None:
    with shown(browser, lay_out(tmp_path, kind)) as (desk, page):
        enter(page, desk)
        judged = page.locator(".text, .marks, textarea.answer-text, .diff, q").all()
        assert judged
        assert all(element.evaluate("element => element.translate") is False for element in judged)
        assert page.locator("h1").evaluate("element => element.translate") is True


def test_a_lunch_is_no_time_at_work(tmp_path: Path, browser: Any) -> None:
    """The page's clock is moved: 20 s of reading, 25 minutes without a sign of life, a key, 10 s more."""
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path)) as (desk, page):
        page.clock.install()
        enter(page, desk)
        page.clock.run_for(20_000)
        page.clock.run_for(25 * 60_000)
        page.keyboard.press("1")
        page.clock.run_for(10_000)
        counted = float(page.locator("form.judge [name=seconds]").input_value())
        assert 180 <= counted <= 200, "of the silence three minutes count"
        page.reload()
        page.keyboard.press("1")
        page.clock.run_for(5_000)
        assert float(page.locator("form.judge [name=seconds]").input_value()) == pytest.approx(counted + 5, abs=2)
        send(page)
    [answer] = feedback_in(ledger)
    assert answer.telemetry is not None
    assert answer.telemetry.active_seconds <= answer.seconds
