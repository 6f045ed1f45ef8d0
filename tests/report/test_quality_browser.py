"""The page on the quality of feedback as a reader meets it: accessible, and nothing of it runs over the side."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from quality_records import TARGETS, study

from accord.feedback.quality.measure import measure_quality
from accord.report.quality.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed, so the page cannot be seen as a reader does"
    ),
]

OVER_THE_SIDE = """() => [...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quality") / "quality.html"
    path.write_text(render_page(measure_quality(study(), target=TARGETS), "l.db"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_axe_finds_nothing_and_nothing_runs_over_the_side(page: Path, browser: Any, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    tab = context.new_page()
    tab.goto(page.as_uri())
    assert tab.locator("svg:visible").count() == 1 + len(TARGETS)
    assert tab.evaluate(OVER_THE_SIDE) == []
    problems = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(problem["id"], [node["html"][:120] for node in problem["nodes"]]) for problem in problems] == []
    context.close()
