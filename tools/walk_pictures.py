"""The pictures of the walks in docs/, taken of what the walks' own examples make.

    python -m tools.walk_pictures                  all of them, into docs/walks/
    python -m tools.walk_pictures --all FOLDER     into FOLDER instead, at both widths in light and in dark

The examples of each walk run in a folder of their own, as the tests run them; then Chromium looks at the pages: of a
study that `accord collect` serves, and files. A page that runs over the side, or in which axe finds something, ends it.
"""

import argparse
import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from PIL import Image

from tools.walk_examples import ROOT, examples_of

__all__ = ["VARIANTS", "Picture", "main", "run_examples"]

VARIANTS = tuple((width, scheme) for width in (1280, 360) for scheme in ("light", "dark"))
KEPT = ((1280, "light"), (360, "dark"))  # beside the documents
HEIGHT = {1280: 800, 360: 720}
COLOURS = 128
PATIENCE = 120_000  # milliseconds: the machine may be busy
PASSWORD = "only-for-the-pictures-of-the-walks"

OVER_THE_SIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class PictureError(Exception):
    """A page is not as a reader should meet it."""


def run_examples(document: Path, folder: Path) -> None:
    """Run the examples of a document in a folder. Raises what an example raises, and where a command fails."""
    from accord.cli import run

    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder), contextlib.redirect_stdout(StringIO()):
        for number, example in enumerate(examples_of(document), 1):
            if example.kind == "python":
                exec(compile(example.source, f"{document.name}, example {number}", "exec"), names)
            for arguments in example.commands:
                if status := run(arguments):
                    raise PictureError(f"{document.name}: accord {shlex.join(arguments)} ended with status {status}")


# -- pages ---------------------------------------------------------------------------------------------------------


class Picture:
    """Takes pictures of pages under a name, in all that is asked for: width in pixels, and light or dark."""

    def __init__(self, browser: Any, folder: Path, kept: Sequence[tuple[int, str]]) -> None:
        self.browser, self.folder, self.kept = browser, folder, kept
        self.taken: list[Path] = []

    def take(self, name: str, address: str, *, state: Any = None) -> None:
        """One page at every width and in both schemes; only what is kept is written, all of them are looked at.

        `state` is who is signed in. Raises `PictureError` for a page that runs over the side or that axe finds wrong.
        """
        for width, scheme in VARIANTS:
            with self.page(width, scheme, state) as page:
                page.goto(address)
                page.wait_for_load_state()
                self._check(page, f"{name} at {width} pixels, {scheme}")
                if (width, scheme) in self.kept:
                    self._write(page.screenshot(), f"{name}-{width}-{scheme}.png")

    @contextlib.contextmanager
    def page(self, width: int, scheme: str, state: Any = None) -> Iterator[Any]:
        """A tab of a fresh browser profile, in which whoever `state` is of is signed in."""
        context = self.browser.new_context(
            viewport={"width": width, "height": HEIGHT[width]},
            color_scheme=scheme,
            storage_state=state,
            reduced_motion="reduce",
            bypass_csp=True,  # axe is a script, which the pages refuse
            locale="en-GB",
        )
        context.set_default_timeout(PATIENCE)
        yield context.new_page()
        context.close()

    @staticmethod
    def _check(page: Any, place: str) -> None:
        from axe_playwright_python.sync_playwright import Axe

        if page.evaluate(OVER_THE_SIDE):
            raise PictureError(f"{place}: something runs over the side")
        problems = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        if problems:
            found = [(problem["id"], [node["html"][:120] for node in problem["nodes"]][:3]) for problem in problems]
            raise PictureError(f"{place}: {found}")

    def _write(self, png: bytes, name: str) -> None:
        """In few colours, without dithering: pages have few, and the file is a third as large."""
        picture = Image.open(BytesIO(png)).convert("RGB")
        path = self.folder / name
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        self.taken.append(path)


@contextlib.contextmanager
def served(folder: Path, ledger: str) -> Iterator[tuple[str, str]]:
    """The two studies of the walk on a ledger: their address, and an invite."""
    command = [sys.executable, "-m", "accord", "collect", "rivers.toml", "faults.toml", "--ledger", ledger]
    command += ["--admin", "kim", "--invite", "1", "--port", "0"]
    environment = {**os.environ, "ACCORD_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            printed = ""
            for line in server.stdout:
                printed += line
                if "listening at " in line:
                    break
            else:
                raise PictureError(f"accord collect ended before it listened: {printed}")
            yield printed.rsplit("listening at ", 1)[1].strip(), re.findall(r"https?://\S+/join/\S+", printed)[0]
        finally:
            server.terminate()


def pictures_of_the_study(picture: Picture, folder: Path) -> None:
    """What people meet who have just been invited, and what whoever runs it sees when they are done."""
    with served(folder, "new.db") as (url, invite):
        picture.take("invite", invite)
        with picture.page(1280, "light") as page:
            page.goto(invite)
            page.locator("[name=consent]").check()
            page.locator("main form button").last.click()
            page.wait_for_url(f"{url}/")
            page.goto(f"{url}/rivers/instructions")
            page.locator("main form button, main a.button").last.click()
            page.wait_for_url("**/work")
            state = page.context.storage_state()
        picture.take("studies", f"{url}/", state=state)
        picture.take("work", f"{url}/rivers/work", state=state)
    with served(folder, "rivers.db") as (url, _), picture.page(1280, "light") as page:
        page.goto(f"{url}/rivers/admin/sign-in")
        page.locator("[name=name]").fill("kim")
        page.locator("[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin")
        picture.take("admin", f"{url}/rivers/admin", state=page.context.storage_state())
    picture.take("quality", (folder / "quality.html").as_uri())


def pictures_of_a_report(picture: Picture, folder: Path) -> None:
    picture.take("report", (folder / "runs/spoilt/report.html").as_uri())


def pictures_of_the_run(picture: Picture, folder: Path) -> None:
    picture.take("dpo", (folder / "runs/dpo/report.html").as_uri())


WALKS: dict[str, Callable[[Picture, Path], None]] = {
    "study-lead": pictures_of_the_study,
    "report-reader": pictures_of_a_report,
    "engineer": pictures_of_the_run,
}


def main(arguments: Sequence[str]) -> None:
    """Take the pictures of the walks, or of those that are named."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python -m tools.walk_pictures", description=__doc__)
    parser.add_argument("walks", nargs="*", choices=[[], *WALKS], help="of these walks alone")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every width and scheme, into this folder")
    options = parser.parse_args(arguments)
    out = options.all or ROOT / "docs/walks"
    out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name:
        folders = {walk: Path(name) / walk for walk in options.walks or WALKS}
        for walk, folder in folders.items():  # before a browser is open, beside which no event loop can run
            folder.mkdir()
            run_examples(ROOT / f"docs/{walk}.md", folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            picture = Picture(browser, out, VARIANTS if options.all else KEPT)
            for walk, folder in folders.items():
                WALKS[walk](picture, folder)
            browser.close()
    for path in picture.taken:
        print(f"{path.stat().st_size:>8} {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
