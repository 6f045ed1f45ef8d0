"""The documents as a site: whole, in an order, without broken links, and read without a network."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tools.docs_site import NAVIGATION, foreign_loads, restructured

import accord

ROOT = Path(__file__).parents[1]
MISSING = [name for name in ("sphinx", "furo", "myst_parser") if find_spec(name) is None]
builds = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: pip install 'accord[docs]'")
PAGES = [page for pages in NAVIGATION.values() for page in pages]


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-q",
        "-E",
        "-d",
        out / "doctrees",
        "-c",
        ROOT / "docs",
        source,
        out,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_every_document_is_in_the_navigation_once() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "examples/README.md"]
    there = {path.relative_to(ROOT).as_posix() for path in documents} - {"README.md"}
    assert sorted(PAGES) == sorted(there)


def test_every_public_room_has_its_reference() -> None:
    rooms = {name for name in accord.__all__ if name.islower() and name != "__version__"}
    pages = {Path(page).stem for page in NAVIGATION["Public names"]}
    assert rooms <= pages
    for page in pages:
        assert f"<!-- public names of accord.{page} -->" in (ROOT / f"docs/api/{page}.md").read_text()


def test_every_recipe_is_in_the_list_of_examples() -> None:
    listed = re.findall(r"^\| \[(\S+\.toml)\]\(\1\) \| (.+) \|$", (ROOT / "examples/README.md").read_text(), re.M)
    files = sorted(ROOT.glob("examples/*.toml"))
    assert listed == [(file.name, file.read_text().splitlines()[0].removeprefix("# ").rstrip(":.")) for file in files]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["A `name` and *args."], ["A ``name`` and \\*args."]),
        (["`code`s and name_ stay."], ["``code``\\ s and name\\_ stay."]),
        (["Words:", "    a   one", "    `b`"], ["Words:", "", "::", "", "    a   one", "    `b`"]),
        (["    a   one", "More."], ["::", "", "    a   one", "", "More."]),
        (["* one", "    more of it", "* two"], ["* one", "    more of it", "* two"]),
        (["    first", "", "    second"], ["::", "", "    first", "", "    second"]),
        (["A |bar| and a \\ sign"], ["A \\|bar\\| and a \\\\ sign"]),
    ],
)  # fmt: skip
def test_a_docstring_as_restructured_text(written: list[str], shown: list[str]) -> None:
    assert restructured(written) == shown


def test_what_another_host_would_send_is_found(tmp_path: Path) -> None:
    page = """<link rel="stylesheet" href="https://fonts.example/a.css"><script src='//cdn.example/x.js'></script>
    <style>body { background: url("HTTP://images.example/b.png") }</style>
    <img srcset="here.png 1x, http://i.example/2 2x">
    <a href="https://arxiv.org">a paper</a><img src="here.png"><img src="data:image/png;base64,//x"><p>url(https://no)</p>"""
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "own.css").write_text("@import 'https://fonts.example/b.css'; p { src: url(own.woff2) }")
    assert list(foreign_loads(tmp_path)) == [
        "page.html: https://fonts.example/a.css",
        "page.html: //cdn.example/x.js",
        "page.html: HTTP://images.example/b.png",
        "page.html: http://i.example/2",
        "own.css: https://fonts.example/b.css",
    ]


@builds
@pytest.mark.slow
def test_what_leads_nowhere_fails_the_build_with_its_place(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "docs").mkdir(parents=True)
    (source / "README.md").write_text("# Home\n\n[a page](docs/cli.md)\n")
    links = [
        "[page](nowhere.md)",
        "[anchor](../README.md#nothing)",
        "[own](#nothing)",
        "![picture](no.png)",
        "[file](no.toml)",
    ]
    (source / "docs/cli.md").write_text("# A page\n\n" + "\n\n".join(links) + "\n")
    result = build(source, tmp_path / "site")
    assert result.returncode != 0
    said = [line for line in result.stderr.splitlines() if "docs/cli.md" in line]
    assert sorted(int(re.findall(r"docs/cli\.md:(\d+)", line)[0]) for line in said) == [3, 5, 7, 9, 11]


@builds
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    result = build(ROOT, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    home = (tmp_path / "index.html").read_text()
    assert f"accord {accord.__version__}" in home
    assert home.count('role="heading" aria-level="2"') == len(NAVIGATION)
    assert all(f'href="{page.removesuffix(".md")}.html"' in home for page in PAGES)
    assert "accord.policy.DPO" in (tmp_path / "docs/api/policy.html").read_text()
    assert "bradley" in (tmp_path / "searchindex.js").read_text()
    shutil.rmtree(tmp_path)
