"""Every example in the documents runs: Python blocks as they stand, `$ accord ...` lines of console blocks too."""

import gc
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer


class ConsoleParser:
    """Runs the lines of ```console blocks that start with `$ accord`; each must end with status 0."""

    def __init__(self) -> None:
        self.lexer = FencedCodeBlockLexer("console")

    def __call__(self, document: Document) -> Iterable[Region]:
        for found in self.lexer(document):
            yield Region(found.start, found.end, found.lexemes["source"], self.evaluate)

    @staticmethod
    def evaluate(example: Example) -> None:
        from accord.cli import run

        for line in str(example.parsed).splitlines():
            if line.startswith("$ accord "):
                status = run(shlex.split(line.removeprefix("$ accord ")))
                assert status == 0, f"{line} ended with status {status}"


@pytest.fixture(scope="module", autouse=True)
def no_collection_of_imports() -> None:
    """What is alive before a file is left out of collections, of which a run makes one after each stage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The examples of one document share a folder of their own."""
    folder = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


pytest_collect_file: Any = Sybil(
    parsers=[PythonCodeBlockParser(), ConsoleParser()],
    patterns=["*.md"],
    excludes=["CHANGELOG.md", "LOG.md"],
    fixtures=["own_folder"],
).pytest()
