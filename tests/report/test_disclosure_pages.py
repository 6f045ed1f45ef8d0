"""The disclosure as a page, as Markdown and as a model's card: sound, escaped, standing alone."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import jsonschema_rs
import pytest
import yaml
from disclosure_runs import Person, crowd, people_of
from markdown_it import MarkdownIt
from report_page_reading import Page
from report_runs import whole

from accord.artefacts import DISCLOSURE, NOT_DISCLOSED
from accord.report import disclose
from accord.report.disclosure.markdown import escaped, render_markdown
from accord.report.disclosure.model_card import model_card
from accord.report.disclosure.page import render_page
from accord.report.disclosure.writing import WrittenDisclosure
from accord.run import RunDirectory

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = '<script>alert(1)</script> | # "quoted" `code` [a](javascript:alert(1)) \u202e\x1b[31m */ --> $x$ {{ 7 * 7 }}'


def hostile(path: Path) -> tuple[RunDirectory, WrittenDisclosure]:
    """A run and statements in which everything that people write is something that no page may hold as it is."""
    people = [Person(f"{HOSTILE} {place}", HOSTILE, HOSTILE, HOSTILE) for place in range(6)]
    run = crowd(path, people)
    statements = path.with_name("said.toml")
    lines = [
        f"text = {json.dumps(HOSTILE + chr(10) * 2 + HOSTILE)}",
        "public = true",
        f"auditors = {json.dumps('W' * 900)}",
    ]
    statements.write_text('[systemic.audits]\nsigned_by = "Ada <b>"\ndate = 2026-01-31\n' + "\n".join(lines))
    return run, disclose(run, statements=statements)


def assert_sound(run: RunDirectory, content: str, *, linked: bool) -> Page:
    page = Page(content)
    assert page.unbalanced == []
    assert len(page.ids) == len(set(page.ids))
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "img",
        "form",
        "base",
    }
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        target = attributes.get("href")
        if target is not None and target.startswith("#"):
            assert target[1:] in page.ids
        elif target is not None:
            assert linked
            assert (run.path / unquote(target)).is_file()
    assert not re.search(r"(url\(|@import|src=)", content)
    return page


def test_the_page_stands_alone_and_links_into_the_run(tmp_path: Path) -> None:
    with whole(tmp_path / "demo") as run:
        written = disclose(run)
        page = assert_sound(run, written.files[2].read_text(encoding="utf-8"), linked=True)
        redacted = disclose(run, redact=True)
        assert_sound(run, redacted.files[2].read_text(encoding="utf-8"), linked=False)
    assert page.of("a") != []
    assert "0 of 12 items are complete" in page.text
    assert page.text.count(NOT_DISCLOSED) > 10
    for item in written.disclosure.items:
        assert item.question in page.text
        assert f"item-{item.number}" in page.ids
    assert "not detected by this test" in page.text
    assert "This version is redacted." in Page(redacted.files[2].read_text(encoding="utf-8")).text


def test_the_page_of_hostile_texts_is_sound(tmp_path: Path) -> None:
    run, written = hostile(tmp_path / "run")
    with run:
        page = assert_sound(run, written.files[2].read_text(encoding="utf-8"), linked=True)
    assert "<script>alert(1)</script>" in page.text
    assert "\x1b" not in written.files[2].read_text(encoding="utf-8")


def test_markdown_of_hostile_texts_is_text(tmp_path: Path) -> None:
    run, written = hostile(tmp_path / "run")
    run.close()
    rendered = (
        MarkdownIt("commonmark", {"html": True}).enable("table").render(written.files[1].read_text(encoding="utf-8"))
    )
    page = Page(rendered)
    tags = {tag for tag, _ in page.elements}
    assert tags <= {
        "h1",
        "h2",
        "h3",
        "p",
        "strong",
        "em",
        "code",
        "blockquote",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    assert page.text.count("<script>alert(1)</script>") > 5
    heads = [each.group(1) for each in re.finditer(r"^## (\d+)\.", written.files[1].read_text(encoding="utf-8"), re.M)]
    assert heads == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "12) a", "# a", "> a", "a\nb", "~~a~~", "| a |", "&lt;", "a\\"])
def test_a_text_in_markdown_is_one_line_of_text(text: str) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(escaped(text))
    assert rendered == f"<p>{html.escape(' '.join(text.split()))}</p>\n"


def test_the_schema_describes_the_file(tmp_path: Path) -> None:
    run, written = hostile(tmp_path / "run")
    run.close()
    content = json.loads(written.files[0].read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(DISCLOSURE.schema()).validate(content)
    with RunDirectory.open(tmp_path / "run", write=False) as again:
        assert DISCLOSURE.read(again) == written.disclosure
        assert render_page(written.disclosure, again) == written.files[2].read_text(encoding="utf-8")
    assert render_markdown(written.disclosure) == written.files[1].read_text(encoding="utf-8")


def test_the_card_of_a_model_has_front_matter_and_every_item(tmp_path: Path) -> None:
    people = people_of([("north", 6)])
    statements = tmp_path / "said.toml"
    statements.write_text(
        '[human_feedback.pretraining]\nsigned_by = "Ada"\ndate = 2026-01-31\nlicence = "Apache-2.0"\n'
    )
    with crowd(tmp_path / "run", people) as run:
        disclosure = disclose(run, statements=statements).disclosure
        redacted = disclose(run, statements=statements, redact=True).disclosure
    recipe = {"sft": {"base": "owner/name"}, "policy": {"kind": "ppo"}}
    head, _, body = model_card(disclosure, recipe).removeprefix("---\n").partition("\n---\n")
    assert yaml.safe_load(head) == {
        "base_model": "owner/name",
        "library_name": "transformers",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["rlhf", "accord", "ppo"],
    }
    assert [line for line in body.splitlines() if line.startswith("## ")] == [
        f"## {item.title}: {item.status.replace('_', ' ')}" for item in disclosure.items
    ]
    assert "Licence of the base model: Apache-2.0 *Stated by Ada, signed on 2026-01-31.*" in body
    assert not [person for person in people if person.pseudonym in model_card(redacted, recipe)]
    assert model_card(disclosure, recipe) == model_card(disclosure, recipe)


@pytest.mark.parametrize("recipe", [{}, {"sft": 3, "policy": []}, {"sft": {"base": "/a/b"}}, {"policy": {"kind": 3}}])
def test_a_card_of_a_recipe_that_says_nothing(tmp_path: Path, recipe: dict[str, object]) -> None:
    with crowd(tmp_path / "run", people_of([("north", 6)])) as run:
        disclosure = disclose(run, redact=True).disclosure
    head = model_card(disclosure, recipe).removeprefix("---\n").partition("\n---\n")[0]
    assert yaml.safe_load(head).keys() == {"library_name", "pipeline_tag", "tags"}


# The page has no script of its own, so one around it measures what sticks out.
MEASURE = """<!doctype html><iframe id="page" src="{page}" width="{width}" height="800"></iframe><pre id="found"></pre>
<script>
window.onload = () => {{
  const root = document.getElementById("page").contentDocument.documentElement;
  const out = [...root.querySelectorAll("body *")]
    .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map(e => e.tagName + "." + e.getAttribute("class"));
  const wide = [...root.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth + 1).length;
  document.getElementById("found").textContent =
    JSON.stringify({{client: root.clientWidth, scroll: root.scrollWidth, out, wide}});
}};
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so the page cannot be seen as a reader does")
@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_runs_over_the_side(tmp_path: Path, width: int) -> None:
    run, written = hostile(tmp_path / "run")
    run.close()
    outer = tmp_path / "measure.html"
    outer.write_text(MEASURE.format(page=written.files[2].as_uri(), width=width), encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom", outer.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    shown = re.search(r'<pre id="found">(.*?)</pre>', dom)
    assert shown is not None
    measured = json.loads(html.unescape(shown[1]))
    assert measured["scroll"] <= measured["client"]
    assert measured["out"] == []
    assert measured["wide"] == 0  # tables are stacked on a phone, and wrap elsewhere
