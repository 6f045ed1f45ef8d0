"""A Sphinx extension: the documents as a site that is read without a network.

    navigation    the order of the pages, which Markdown on a repository's own pages has no words for
    public_names  `<!-- public names of accord.policy -->` becomes the reference of what that package's `__all__` names
    docstring     accord's docstrings, which are Markdown with indented tables, as reStructuredText
    offline       a page that would load something from another host fails the build

`docs/conf.py` has the settings; `make docs` builds.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from importlib import import_module
from inspect import isclass, isroutine
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["NAVIGATION", "foreign_loads", "restructured", "setup"]

NAVIGATION: dict[str, tuple[str, ...]] = {
    "Begin": (
        "docs/engineer.md",
        "docs/study-lead.md",
        "docs/report-reader.md",
        "docs/walk-through.md",
        "docs/python.md",
        "docs/cli.md",
        "docs/glossary.md",
    ),
    "People and what they say": (
        "docs/collect.md",
        "docs/languages.md",
        "docs/study.md",
        "docs/ask.md",
        "docs/programs.md",
        "docs/feedback.md",
        "docs/formats.md",
        "docs/quality.md",
    ),
    "Training": (
        "docs/recipe.md",
        "docs/rounds.md",
        "examples/README.md",
        "docs/rewards.md",
        *(f"docs/rewards/{name}.md" for name in ("learnt", "people", "doubt", "dense", "comparison", "inverse")),
        *(f"docs/rewards/{name}.md" for name in ("person", "stated", "soups", "card", "symbols", "measured")),
        "docs/policies.md",
        "docs/processes.md",
        "docs/ray.md",
        "docs/sampler.md",
    ),
    "What came of it": (
        "docs/watching.md",
        "docs/evaluate.md",
        "docs/report.md",
        "docs/audit.md",
        "docs/other-runs.md",
        "docs/statistics.md",
        "docs/run-directory.md",
        "docs/disclosure.md",
        "docs/serve.md",
        "docs/chat.md",
        "docs/after-deployment.md",
    ),
    "How good it is": ("docs/lab.md", "docs/lab/faults.md", "docs/benchmarks.md"),
    "Public names": (
        *(f"docs/api/{room}.md" for room in ("loop", "records", "interfaces", "recipe", "collect", "feedback")),
        *(f"docs/api/{room}.md" for room in ("reward", "policy", "audit", "report", "lab", "stats", "run")),
        *(f"docs/api/{room}.md" for room in ("artefacts", "lm", "train", "serve", "watch", "errors", "extensions")),
    ),
    "The project": ("CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LOG.md", "SECURITY.md"),
}
"""The pages after the first one, by heading, in the order in which somebody new would read them."""

_PUBLIC_NAMES = re.compile(r"<!-- public names of ([\w.]+) -->")


def setup(app: "Sphinx") -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _complete_source)
    app.connect("autodoc-process-docstring", _process_docstring)
    app.connect("autodoc-process-signature", _process_signature)
    app.connect("html-page-context", _make_accessible, priority=900)  # after the theme
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True}


def _complete_source(app: "Sphinx", page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        source[0] += _navigation()
    source[0] = _PUBLIC_NAMES.sub(lambda found: _reference(found[1]), source[0])


def _navigation() -> str:
    blocks = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *(f"/{page}" for page in pages), "```"])
        for heading, pages in NAVIGATION.items()
    ]
    return "\n\n" + "\n\n".join(blocks) + "\n"


def _reference(module: str) -> str:
    """Directives for each public name of a module, in the order of its `__all__`."""
    package = import_module(module)
    lines = ["```{eval-rst}"]
    for name in package.__all__:
        value = getattr(package, name)
        kind, option = "class", [":members:"]
        if isclass(value) and issubclass(value, BaseException):
            kind = "exception"
        elif isroutine(value):
            kind, option = "function", []
        elif not isclass(value):
            kind, option = "data", [":no-value:"]
        if _is_of_another(value, module):
            option.append(":no-index:")
        lines += [f".. auto{kind}:: {module}.{name}", *(f"   {each}" for each in option), ""]
    return "\n".join([*lines, "```"])


def _is_of_another(value: Any, module: str) -> bool:
    """Whether a class or function is defined in another module that has a page of its own, and is found there."""
    home = ".".join(str(getattr(value, "__module__", "")).split(".")[:2])
    return home != module and f"docs/api/{home.rpartition('.')[2]}.md" in NAVIGATION["Public names"]


# -- docstrings ----------------------------------------------------------------------------------------------------


def _process_docstring(_app: "Sphinx", _kind: str, _name: str, value: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = restructured(lines)
    if isclass(value) and issubclass(value, BaseModel):
        lines += _fields(value)


def _process_signature(
    _app: "Sphinx", _kind: str, _name: str, value: Any, _options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """The fields of settings and records stand below their docstring, with their defaults, and not in one line."""
    return ("", None) if isclass(value) and issubclass(value, BaseModel) else (signature, returned)


def _fields(model: type[BaseModel]) -> list[str]:
    """The fields that say what they are, as a list."""
    lines = [""]
    for name, field in model.model_fields.items():
        if field.description:
            default = "required" if field.is_required() else repr(field.get_default(call_default_factory=False))
            lines.append(f"* ``{name}`` (``{default}``): {_prose(field.description)}")
    return lines if len(lines) > 1 else []


def restructured(lines: Sequence[str]) -> list[str]:
    """Lines of a docstring as reStructuredText: what is indented is shown as it stands, names in backticks are code."""
    text: list[str] = []
    indented = bulleted = False
    for line in lines:
        starts_block = line.startswith("    ") and not indented and not bulleted
        if starts_block:
            text += [*([""] if text and text[-1] else []), "::", ""]
        if line.strip():
            if indented and not line.startswith("  "):
                text.append("")
            indented = line.startswith("  ") and (indented or starts_block)
            bulleted = line.startswith(("* ", "- ")) or (bulleted and line.startswith("  "))
        text.append(line if indented else _prose(line))
    return text


def _prose(line: str) -> str:
    """A line of text, whose signs mean themselves but for backticks and a bullet."""
    indent, bullet, words = re.fullmatch(r"( *)([*-] )?(.*)", line, re.S).groups()  # type: ignore[union-attr]
    parts = re.split(r"(`+[^`]+`+)", words)
    written = [
        f"``{part.strip('`')}``" if place % 2 else re.sub(r"([\\*|`]|_(?!\w))", r"\\\1", part)
        for place, part in enumerate(parts)
    ]
    # Code that touches a word needs a sign between the two that is not shown.
    joined = "".join(
        f"{part}\\ " if place % 2 and re.match(r"\w", parts[place + 1]) else part for place, part in enumerate(written)
    )
    return f"{indent}{bullet or ''}{joined}"


# -- what is built ------------------------------------------------------------------------------------------------


def _make_accessible(_app: "Sphinx", _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """What the theme leaves out: code that scrolls is reached by keyboard, headings of the navigation have a level."""
    if "body" in context:
        context["body"] = re.sub(r"<pre(?! tabindex)", '<pre tabindex="0"', context["body"])
        context["body"] = re.sub(r"<th class=\"head\">(<p></p>)?</th>", "<td></td>", context["body"])
    if navigation := context.get("furo_navigation_tree"):
        context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')


def _finish(app: "Sphinx", problem: Exception | None) -> None:
    from sphinx.errors import SphinxError

    if problem is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    copyfile(folder / f"{app.config.root_doc}.html", folder / "index.html")
    if foreign := list(foreign_loads(folder)):
        raise SphinxError(
            "pages that load from other hosts, so that they cannot be read offline:\n" + "\n".join(foreign)
        )


def foreign_loads(folder: Path) -> Iterator[str]:
    """What pages and style sheets below a folder would load from another host: the file, and the address."""
    for file in sorted(folder.rglob("*.html")):
        loads = _Loads()
        loads.feed(file.read_text(encoding="utf-8"))
        yield from _named(file.relative_to(folder), loads.addresses)
    for file in sorted(folder.rglob("*.css")):
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", text)
        yield from _named(file.relative_to(folder), ("".join(pair) for pair in found))


def _named(file: Path, addresses: Iterable[str]) -> Iterator[str]:
    yield from (f"{file}: {each}" for each in addresses if re.match(r"(https?:)?//", each.strip(), re.I))


class _Loads(HTMLParser):
    """Addresses that a browser loads without being asked: all but those that somebody has to click on."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._is_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_style = tag == "style"
        for name, value in attrs:
            if value and (name in {"src", "poster", "data"} or (tag == "link" and name == "href")):
                self.addresses.append(value)
            if value and name == "srcset":
                self.addresses += [each.split()[0] for each in value.split(",") if each.split()]

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.addresses += re.findall(r"url\(\s*[\"']?([^\"')]+)", data)
            self._is_style = False
