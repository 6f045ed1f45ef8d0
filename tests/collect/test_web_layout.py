"""Where things stand: what was asked beside the answers or folded above them, guidelines that stay, the start page."""

from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, send, shown, tab, violations
from small_studies import lay_out, serving_app

from accord.collect import Desk, Study
from accord.collect.web.app import make_house
from accord.feedback import Ledger

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"),
]

LONG = "I have tried cold water, hot water, vinegar and a brush, and nothing of it helped. " * 12
SUGGESTED = {
    "metadata": {"source": "exam", "hard": True},
    "suggestion": {"kind": "comparison", "preferred": "left"},
}
TOP = 'comment = true\nshow = ["source", "hard"]\n[suggest]\nshare = 1'


def long_study(folder: Path, **more: Any) -> Path:
    study = lay_out(folder, completions=["Use soda.", "Use soap."], **more)
    items = study.parent / "items.jsonl"
    items.write_text(items.read_text().replace("How do I", f"{LONG}How do I"))
    return study


def box(page: Any, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(selector).first.bounding_box()
    return found


def test_what_was_asked_stands_beside_the_answers(tmp_path: Path, browser: Any) -> None:
    with shown(browser, long_study(tmp_path)) as (desk, page):
        enter(page, desk)
        asked, answer = box(page, ".context .turn"), box(page, ".answer.left")
        assert asked["x"] + asked["width"] < answer["x"]
        assert answer["y"] < 300
        assert not page.locator(".unfold").is_visible()
        page.locator(".guide summary").click()
        page.keyboard.press("1")
        send(page, "Control+Enter")  # Enter alone is the summary's, which has the focus
        assert page.locator(".guide .own").is_visible(), "open on one page, open on the next"
        assert "1 done, " in page.locator(".top .count").inner_text()


@pytest.mark.parametrize("width", [320, 360])
def test_the_answer_is_above_the_fold_on_a_narrow_screen(tmp_path: Path, browser: Any, width: int) -> None:
    with shown(browser, long_study(tmp_path), width=width) as (desk, page):
        enter(page, desk)
        assert box(page, ".answer.left")["y"] < box(page, ".bar")["y"] - 40
        folded = box(page, ".fold .turns")["height"]
        page.locator(".unfold label").click()
        assert box(page, ".fold .turns")["height"] > 2 * folded
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_with_all_there_is(tmp_path: Path, browser: Any, width: int, scheme: str) -> None:
    study, themed = long_study(tmp_path, top=TOP, **SUGGESTED), {"bypass_csp": True, "reduced_motion": "reduce"}
    with shown(browser, study, width=width, scheme=scheme, **themed) as (desk, page):
        enter(page, desk)
        page.locator(".guide summary").click()
        assert page.get_by_text("Filled in by a machine.").is_visible()
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_start_page(tmp_path: Path, browser: Any, scheme: str) -> None:
    with Ledger(tmp_path / "people.db", pooled=True) as ledger:
        desks = []
        for kind in ("comparison", "label"):
            desk = Desk(Study.load(lay_out(tmp_path, kind)), ledger)
            desk.load_items()
            desks.append(desk)
        with (
            serving_app(make_house(desks)) as url,
            tab(browser, url, scheme=scheme, bypass_csp=True, reduced_motion="reduce") as page,
        ):
            page.goto(f"/comparison/join/{desks[0].invite().token}")
            page.locator("[name=consent]").check()
            page.get_by_role("button", name="Begin").click()
            page.wait_for_url(f"{url}/")
            problems = violations(page)
            page.get_by_role("link", name="Look at it").click()
            page.wait_for_url("**/label/take-part")
            page.locator("[name=consent]").check()
            page.get_by_role("button", name="Begin").click()
            page.wait_for_url("**/label/instructions")
            page.keyboard.press("Enter")
            page.wait_for_url("**/label/work")
            page.keyboard.press("1")
            send(page)
            problems += violations(page)
            page.get_by_role("link", name="All studies").click()
            page.get_by_text("1 done, ").wait_for()
            assert problems == []
        assert [desk.progress().answers for desk in desks] == [0, 1]
