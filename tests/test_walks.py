"""The walks in docs/: the examples that tests and tools run, the pictures of their pages, and what there is to read."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tools.engineer_walk import MARK, Stopwatch, reading, script_of
from tools.walk_examples import ROOT, Example, examples_of, links_of, words_of
from tools.walk_pictures import KEPT, WALKS, Picture, PictureError, main, run_examples

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browsers = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do")

DOCUMENT = """# Title

```python
a = 1
# no heading
```

## Then

```sh
accord serve runs/a
```

```console
$ accord verify "runs/a b"
all is well
$ accord compare a b
```

[one](other.md#a-part) [again](other.md#a-part) [the web](https://example.org/a.md)

## Next

[two](more.md)
"""


def test_the_examples_of_a_document(tmp_path: Path) -> None:
    file = tmp_path / "walk.md"
    file.write_text(DOCUMENT)
    python, console = examples_of(file)
    assert python == Example("python", "Title", "a = 1\n# no heading\n")
    assert (console.kind, console.heading) == ("console", "Then")
    assert console.commands == [["verify", "runs/a b"], ["compare", "a", "b"]]
    assert links_of(file, before="Next") == [(tmp_path / "other.md", "a-part")]


def test_words_are_counted_without_code(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(
        "# Two words\n\nsee [this page](a/long/address.md)\n\n```sh\nnot counted\n```\n\n"
        '## `kind = "a"`\n\nfive\n\n# End\n'
    )
    assert words_of(file) == 2 + 3 + 2 + 1 + 1
    assert words_of(file, "kind--a") == 3
    with pytest.raises(ValueError, match=r"page\.md: no heading has the anchor #nothing"):
        words_of(file, "nothing")


def test_the_engineers_script_says_what_was_done(capfd: pytest.CaptureFixture[str]) -> None:
    examples = [Example("python", "First", 'kept = dict(model="tiny")\n'), Example("python", "Then", "print(kept)\n")]
    exec(script_of(examples, model="other"), {})
    first, printed, then = capfd.readouterr().out.rstrip("\n").split("\n")  # the mark would end a line too
    assert printed == "{'model': 'other'}"
    for line, name in ((first, "First"), (then, "Then")):
        processor, _, step = line.removeprefix(MARK).partition(" ")
        assert step == name
        assert float(processor) >= 0


def test_a_step_knows_the_seconds_of_its_processes(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", "sum(range(10**6))"], check=True)
    watch.done("counted")
    watch.done("told", processor=2.5)
    assert [step.name for step in watch.steps] == ["counted", "told"]
    assert watch.steps[0].processor > 0
    assert watch.steps[1].processor == 2.5
    assert capsys.readouterr().out.count(" s ") == 4


def test_there_is_little_to_read_on_the_engineers_walk() -> None:
    pages = dict(reading())
    assert "docs/engineer.md" in pages
    assert all(words > 0 for words in pages.values())
    assert sum(pages.values()) < 10 * 250  # ten minutes


def test_the_pictures_of_the_walks_are_there_and_of_modest_size() -> None:
    text = "".join((ROOT / f"docs/{walk}.md").read_text() for walk in WALKS)
    shown = re.findall(r"\]\((walks/[\w-]+\.png)\)", text)
    assert shown
    for name in shown:
        assert name.endswith(tuple(f"-{width}-{scheme}.png" for width, scheme in KEPT))
        assert (ROOT / "docs" / name).stat().st_size < 100_000


def test_an_example_that_fails_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "walk.md"
    file.write_text("```console\n$ accord verify nothing\n```\n")
    with pytest.raises(PictureError, match=r"walk\.md: accord verify nothing ended with status 2"):
        run_examples(file, tmp_path)
    assert "nothing" in capsys.readouterr().err


@pytest.fixture
def browser() -> Any:  # closed after each test: beside an open one no event loop can run
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@browsers
@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<main><h1>Whole</h1></main>", ""),
        ('<main><h1>Wide</h1><p style="width: 900px">text</p></main>', "at 360 pixels, light: something runs over"),
        ('<main><h1>Blind</h1><img src="data:,"></main>', "at 1280 pixels, light: .*image-alt"),
    ],
)
def test_a_page_that_readers_cannot_use_is_no_picture(tmp_path: Path, browser: Any, body: str, problem: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(f'<!doctype html><html lang="en"><title>A page</title>{body}')
    picture = Picture(browser, tmp_path, KEPT)
    if problem:
        with pytest.raises(PictureError, match=problem):
            picture.take("page", page.as_uri())
        return
    picture.take("page", page.as_uri())
    assert [path.name for path in picture.taken] == ["page-1280-light.png", "page-360-dark.png"]


@browsers
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pictures_of_a_study_are_taken_by_one_command(tmp_path: Path) -> None:
    main(["study-lead", "--all", str(tmp_path)])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        f"{page}-{width}-{scheme}.png"
        for page in ("invite", "studies", "work", "admin", "quality")
        for width in (1280, 360)
        for scheme in ("light", "dark")
    }
