"""Every example in the documents runs: Python blocks as they stand, `$ accord ...` lines of console blocks too.

And in which order files are tested.
"""

import gc
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

LONGEST = (
    "tests/cluster/test_cluster_runs.py",
    "tests/loop/test_processes.py",
    "tests/cli/test_kill.py",
    "tests/lab/test_short_forms.py",
    "tests/policy/test_starts.py",
    "tests/test_kill_run.py",
    "tests/feedback/test_real_ratings.py",
    "tests/collect/test_web_browser.py",
    "tests/lm/test_packaged.py",
    "tests/test_docs_site.py",
    "tests/lab/test_planted_runs.py",
    "tests/collect/test_web_load.py",
    "tests/collect/test_rounds_walk.py",
    "tests/loop/test_synchronous.py",
    "tests/loop/test_synchronous_world.py",
    "tests/test_walks.py",
    "tests/test_gpu_benchmark.py",
    "tests/lab/test_trust_lab.py",
    "tests/collect/test_desk_kill.py",
    "tests/collect/test_crowd.py",
    "tests/reward/test_dense_benchmarks.py",
    "tests/train/test_sharding.py",
    "tests/loop/test_rounds.py",
    "tests/lab/test_reproduce.py",
    "tests/lab/test_cell_lines.py",
    "docs/lab.md",
    "docs/report-reader.md",
    "docs/rounds.md",
    "tests/test_examples.py",
)
"""Files that take longest, of which few have many tests: they begin first, so that none is left over at the end."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes, by file: the longest, then those with most tests, which is pytest-xdist's own order."""
    if not hasattr(config, "workerinput"):
        return
    of_item = [item.path.relative_to(config.rootpath).as_posix() for item in items]
    place, count = {name: number for number, name in enumerate(LONGEST)}, Counter(of_item)
    order = sorted(
        range(len(items)), key=lambda i: (place.get(of_item[i], len(LONGEST)), -count[of_item[i]], of_item[i])
    )
    items[:] = [items[i] for i in order]


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
