"""Pages as people meet them, in a browser: a tab on a study's site, and somebody who works there by keyboard."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from small_studies import opened, served

from accord.collect import Desk
from accord.feedback import Ledger
from accord.records import Feedback

__all__ = ["CHROMIUM", "enter", "feedback_in", "send", "shown", "tab", "violations"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def tab(
    browser: Any, url: str, *, width: int = 1280, scheme: str = "light", refused: str = "", **more: Any
) -> Iterator[Any]:
    """A page of a fresh browser profile. Any error of a script, and any script that is refused, fails the test.

    `refused` is what the console says of a form that is meant to be refused.
    """
    context = browser.new_context(
        base_url=url, color_scheme=scheme, viewport={"width": width, "height": 800}, locale="en-GB", **more
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    yield page
    context.close()
    assert [problem for problem in wrong if not refused or refused not in problem] == []


@contextmanager
def shown(browser: Any, study: Path, **more: Any) -> Iterator[tuple[Desk, Any]]:
    """The desk of a study, on a ledger beside it, and a page on its site."""
    with (
        opened(study, study.parent.parent / "people.db") as desk,
        served(desk) as url,
        tab(browser, url, **more) as page,
    ):
        yield desk, page


def enter(page: Any, desk: Desk) -> None:
    """In by an invite, by keyboard alone."""
    page.goto(f"/join/{desk.invite().token}")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "consent":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/instructions")
    page.keyboard.press("Enter")
    page.wait_for_url("**/work")


def send(page: Any, key: str = "Enter") -> None:
    """Send what is on the page, and wait for the next."""
    before = page.locator("form.judge").get_attribute("action")
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('form.judge')?.getAttribute('action') !== before", arg=before
    )
    page.wait_for_load_state()


def feedback_in(ledger: Path) -> list[Feedback]:
    """What is in the ledger, in order."""
    with Ledger(ledger, write=False) as opened_ledger:
        return list(opened_ledger.feedback())


def violations(page: Any) -> list[str]:
    """What axe finds, with the elements."""
    from axe_playwright_python.sync_playwright import Axe

    problems = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{page.url} {problem['id']}: {[node['html'][:120] for node in problem['nodes']]}" for problem in problems]
