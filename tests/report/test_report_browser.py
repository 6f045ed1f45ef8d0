"""The page in a browser: nothing of it runs over the side, at either width, in light and dark."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import report_runs

from accord.report import write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed, so the page cannot be seen as a reader does"
    ),
]

# The page has no script of its own, so one around it measures: how wide its content is, and what sticks out.
MEASURE = """<!doctype html><iframe id="page" src="{page}" width="{width}" height="{height}"></iframe>
<pre id="found"></pre>
<script>
window.onload = () => {{
  const root = document.getElementById("page").contentDocument.documentElement;
  const out = [...root.querySelectorAll("body *")]
    .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map(e => e.tagName + "." + e.getAttribute("class"));
  const seen = root.querySelectorAll("svg").length;
  const small = [...root.querySelectorAll("p, td, th, li, dd, dt, caption, figcaption, summary")]
    .filter(e => parseFloat(root.ownerDocument.defaultView.getComputedStyle(e).fontSize) < 16).length;
  document.getElementById("found").textContent =
    JSON.stringify({{client: root.clientWidth, scroll: root.scrollWidth, out, seen, small}});
}};
</script>"""


def run_chromium(profile: Path, *arguments: str) -> str:
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--allow-file-access-from-files", f"--user-data-dir={profile}", *arguments,
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize(("width", "height"), [(360, 800), (390, 844), (1280, 900)])
@pytest.mark.parametrize("hostile", [False, True])
def test_nothing_runs_over_the_side(tmp_path: Path, width: int, height: int, hostile: bool) -> None:
    run = report_runs.whole(tmp_path / ("W" * 60 if hostile else "demo"))
    if hostile:
        report_runs.add_evaluation(run, texts=["W" * 900, "<b>" * 300])
    page = write(run)
    outer = tmp_path / "measure.html"
    outer.write_text(MEASURE.format(page=page.as_uri(), width=width, height=height), encoding="utf-8")
    dom = run_chromium(tmp_path / "profile", "--virtual-time-budget=5000", "--dump-dom", outer.as_uri())
    shown = re.search(r'<pre id="found">(.*?)</pre>', dom)
    assert shown is not None
    found = json.loads(html.unescape(shown[1]))
    assert found["seen"] == 14
    assert found["client"] == width
    assert found["scroll"] <= width
    assert found["out"] == []
    assert found["small"] == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_are_drawn(tmp_path: Path, scheme: str) -> None:
    import matplotlib.image

    page = write(report_runs.whole(tmp_path / "demo"))
    picture = tmp_path / "page.png"
    run_chromium(
        tmp_path / "profile",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        "--window-size=1280,900",
        f"--screenshot={picture}",
        page.as_uri(),
    )
    pixels_HW = matplotlib.image.imread(picture)[..., :3].mean(-1)
    assert pixels_HW.shape == (900, 1280)
    assert (pixels_HW[450, 20] < 0.2) == (scheme == "dark")
    assert pixels_HW.std() > 0.05
