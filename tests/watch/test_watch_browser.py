"""The page of a run in a browser: at every width, light and dark, by axe; renewed while it is read."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from logged_runs import begin_policy, finish, log_steps
from watch_server import watching

from accord.run import RunDirectory
from accord.watch import page as watch_page

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


@contextmanager
def tab(
    browser: Any, url: str, *, width: int = 1280, scheme: str = "light", expected: str = "", **more: Any
) -> Iterator[Any]:
    """A page; whatever its console or its script complains of, but for what is `expected`, fails the test."""
    context = browser.new_context(
        base_url=url, color_scheme=scheme, viewport={"width": width, "height": 800}, locale="en-GB", **more
    )
    context.set_default_timeout(120_000)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert [words for words in wrong if not expected or expected not in words] == []


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [f"{each['id']} {each['nodes'][0]['html'][:120]}" for each in found] + (["too wide"] if wide else [])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (360, "light")])
@pytest.mark.parametrize("over", ["step", "kl"])
def test_a_page_that_everybody_can_read(trained: Path, browser: Any, width: int, scheme: str, over: str) -> None:
    with watching(trained) as url, tab(browser, url, width=width, scheme=scheme, bypass_csp=True) as page:
        page.goto(f"/?over={over}")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert violations(page) == []


def test_it_renews_itself_and_leaves_open_what_was_opened(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_page, "LIVE", 1)
    monkeypatch.setattr(watch_page, "AT_REST", 1)
    with (
        RunDirectory.create(tmp_path / "run") as run,
        watching(run.path) as url,
        tab(browser, url) as page,
    ):
        begin_policy(run)
        log_steps(run, 2)
        page.goto("/")
        table = "#curves-policy-reward-table"
        page.locator(f"{table} summary").click()
        page.evaluate("window.stays = true")
        log_steps(run, 3, first=3)
        page.wait_for_function("() => document.querySelector('#live-state').textContent.includes('step 3 of 10')")
        page.wait_for_function(f"() => document.querySelectorAll('{table} tbody tr').length === 3")
        assert page.locator(table).get_attribute("open") is not None
        assert page.evaluate("document.activeElement.id") == "curves-policy-reward-summary"
        finish(run, "policy")
        with RunDirectory.open(run.path, write=False) as seen:
            assert "policy" in seen.manifest.stages
        page.wait_for_function("() => !document.querySelector('#live-stages').textContent.includes('going')")
        assert page.evaluate("window.stays")
        assert "running" in page.title()


def test_it_says_that_the_server_is_gone_and_goes_on_when_it_is_back(
    tmp_path: Path, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_page, "AT_REST", 1)
    with RunDirectory.create(tmp_path / "run") as run:
        begin_policy(run)
        log_steps(run, 2)
    with watching(run.path) as url, tab(browser, url, expected="503") as page:
        page.goto("/")
        page.route("**/*", lambda route: route.fulfill(status=503, body="busy"))
        page.wait_for_function("() => document.querySelector('#status').textContent.includes('trying again')")
        page.unroute("**/*")
        page.wait_for_function("() => document.querySelector('#status').textContent === ''")


def test_without_a_script_it_is_whole(trained: Path, browser: Any) -> None:
    with watching(trained) as url, tab(browser, url, java_script_enabled=False) as page:
        page.goto("/?still=1")
        page.get_by_role("link", name="over the KL").click()
        assert "over=kl" in page.url
        assert page.locator("svg").first.is_visible()
        assert page.get_by_role("link", name="Go on looking").is_visible()
