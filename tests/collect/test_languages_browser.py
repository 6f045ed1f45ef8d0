"""Pages in German, and in a made-up language that is written from the right: axe, keys, and which side is which."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, feedback_in, send, shown, violations
from other_languages import HEBREW, write_made_up
from small_studies import lay_out

from accord.collect import Desk
from accord.records import Comparison, Spans

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"),
]

THEMED: dict[str, Any] = {"bypass_csp": True, "reduced_motion": "reduce"}


@contextmanager
def in_language(
    browser: Any, folder: Path, language: str, kind: str = "comparison", **more: Any
) -> Iterator[tuple[Desk, Any]]:
    """A desk and a page whose own texts are in German, or in Hebrew letters from the right."""
    top = f'languages = ["{language}", "en"]\nlanguage = "{language}"\ncomment = true\n'
    if language == "he":
        top += 'texts = {he = "he.toml"}\n'
    study = lay_out(folder, kind, top=top, practice=True)
    write_made_up(study.parent / "he.toml", HEBREW)
    with shown(browser, study, **more) as (desk, page):
        yield desk, page


def past_practice(page: Any) -> None:
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/work/r-*")
    page.keyboard.press("Enter")
    page.wait_for_url("**/work")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
@pytest.mark.parametrize("language", ["de", "he"])
def test_axe_finds_nothing(tmp_path: Path, browser: Any, language: str, width: int, scheme: str) -> None:
    with in_language(browser, tmp_path, language, width=width, scheme=scheme, **THEMED) as (desk, page):
        page.goto(f"/join/{desk.invite().token}")
        problems = violations(page)
        enter(page, desk)
        problems += violations(page)
        past_practice(page)
        page.keyboard.press("?")
        problems += violations(page)
        page.keyboard.press("Escape")
        page.goto("/pause")
        problems += violations(page)
        assert problems == []
        page.goto("/work")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["de", "he"])
def test_left_is_left_in_every_language(tmp_path: Path, browser: Any, language: str) -> None:
    with in_language(browser, tmp_path, language) as (desk, page):
        enter(page, desk)
        past_practice(page)
        assert page.evaluate("document.dir") == ("rtl" if language == "he" else "ltr")
        left, right = (page.locator(f".answer.{side}").bounding_box() for side in ("left", "right"))
        assert left["x"] + left["width"] < right["x"]
        page.keyboard.press("ArrowLeft")
        assert page.locator("[value=left]").is_checked()
        chosen, other = (page.locator(f".choice:has([value={side}])").bounding_box() for side in ("left", "right"))
        assert chosen["x"] < other["x"]
        send(page)
        page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="English").click()
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.lang") == "en"
        page.keyboard.press("2")
        send(page)
    records = feedback_in(tmp_path / "people.db")
    assert [record.judgement for record in records] == [Comparison(preferred="left"), Comparison(preferred="right")]
    assert [record.language for record in records] == [language, "en"]


def test_what_the_script_says(tmp_path: Path, browser: Any) -> None:
    with in_language(browser, tmp_path, "de", "ranking") as (desk, page):
        enter(page, desk)
        page.keyboard.press("Enter")
        assert page.locator("#status").inner_text().startswith("Ordnen Sie zuerst")
        page.keyboard.press("2")
        page.keyboard.press("ArrowUp")
        assert page.locator("#status").inner_text() == "Antwort 2 ist jetzt auf Platz 1"


def test_arrows_go_where_they_point_in_a_text_from_the_right(tmp_path: Path, browser: Any) -> None:
    text = "אחת שתיים שלוש ארבע"
    items = f'{{"prompt": "?", "completions": ["{text}"]}}\n'
    study = lay_out(tmp_path, "spans")
    (study.parent / "items.jsonl").write_text(items)
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        page.keyboard.press("t")
        for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
        page.keyboard.press("1")
        send_last = page.locator(".span:not([hidden]) q").first.inner_text()
        assert send_last == "שתיים"
        page.keyboard.press("Control+Enter")
        page.wait_for_load_state()
        page.wait_for_function("!document.querySelector('form.judge')")
    (record,) = feedback_in(tmp_path / "people.db")
    assert isinstance(record.judgement, Spans)
    assert text[record.judgement.spans[0].start : record.judgement.spans[0].end] == "שתיים"
