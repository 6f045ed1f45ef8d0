"""A chat and a blind vote in a browser, by keyboard alone: on a wide screen and at 360 pixels, in the dark, by axe."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chatting import chatting, speaker

from accord.feedback import Ledger
from accord.records import Comparison

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


def problems(page: Any) -> list[str]:
    """What axe finds, and whether the page is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [f"{page.url} {each['id']}" for each in found] + ([f"{page.url} is too wide"] if wide else [])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_vote_by_keyboard(tmp_path: Path, browser: Any, width: int, scheme: str) -> None:
    with (
        Ledger(tmp_path / "votes.db", pooled=True) as ledger,
        chatting(speaker("alpha"), speaker("beta", seed=5), ledger=ledger, toss=lambda: False) as url,
    ):
        context = browser.new_context(base_url=url, color_scheme=scheme, viewport={"width": width, "height": 800})
        context.set_default_timeout(120_000)
        page, wrong = context.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto("/")
        wrong += problems(page)
        page.keyboard.type("Say something.")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("form[action='/vote']")
        wrong += problems(page)
        page.keyboard.press("2")
        page.wait_for_selector(".verdict")
        assert "answer 2 by beta" in page.locator(".verdict").inner_text()
        wrong += problems(page)
        page.keyboard.press("Escape")
        page.keyboard.press("g")
        page.wait_for_url("**/standings")
        wrong += problems(page)
        context.close()
        assert wrong == []
        assert [feedback.judgement for feedback in ledger.feedback()] == [Comparison(preferred="right")]
