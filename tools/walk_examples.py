"""The examples of a document, as the tests run them: blocks of Python, and the `$ accord` lines of console blocks."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["ROOT", "Example", "examples_of", "links_of", "words_of"]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Example:
    """One block of a document, and the heading that it stands under."""

    kind: Literal["python", "console"]
    heading: str
    source: str

    @property
    def commands(self) -> list[list[str]]:
        """The arguments of each `$ accord` line of a console block."""
        lines = self.source.splitlines() if self.kind == "console" else []
        return [shlex.split(line)[2:] for line in lines if line.startswith("$ accord ")]


def examples_of(document: Path) -> list[Example]:
    """The examples of a document, in order."""
    examples, heading = [], ""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```|^#+ ([^\n]+)$", document.read_text(encoding="utf-8"), re.M | re.S):
        kind, source, title = found.groups()
        if title is not None:
            heading = title
        elif kind == "python":
            examples.append(Example("python", heading, source))
        elif kind == "console":
            examples.append(Example("console", heading, source))
    return examples


def links_of(document: Path, *, before: str) -> list[tuple[Path, str]]:
    """The documents that one points to above the heading `before`, each with its anchor or "", once and in order."""
    text = document.read_text(encoding="utf-8").split(f"\n## {before}\n")[0]
    links = re.findall(r"\]\(([^)#:]+\.md)(?:#([^)]+))?\)", text)
    return list(dict.fromkeys(((document.parent / link).resolve(), anchor) for link, anchor in links))


def words_of(document: Path, anchor: str = "") -> int:
    """How many words there are to be read in a document, or in one of its sections: text and tables, and not code.

    Raises `ValueError` where no heading has that anchor.
    """
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"\]\([^)]*\)", "]", _section(text, anchor, document) if anchor else text)
    return len(re.findall(r"\w[\w'’.-]*", text))


def _section(text: str, anchor: str, document: Path) -> str:
    """From a heading to the next one that stands as high."""
    for heading in re.finditer(r"^(#+) (.+)$", text, re.M):
        if re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-") == anchor:
            rest = text[heading.end() :]
            end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.M)
            return heading[2] + (rest[: end.start()] if end else rest)
    raise ValueError(f"{document.name}: no heading has the anchor #{anchor}")
