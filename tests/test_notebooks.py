"""Every notebook in examples/ runs from its first cell to its last, in a folder that was empty."""

import json
import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accord.audit import Verdict

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


def code_cells(notebook: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "code"]


def cells(notebook: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return content


def run_cells(sources: list[str], name: str) -> dict[str, Any]:
    """What the names of a notebook stand for at its end. As in a kernel, functions know the source of their cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, source in enumerate(sources, 1):
        file = f"<{name}, code cell {number}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), names)
    return names


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    (notebook,) = NOTEBOOKS
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        yield run_cells(code_cells(notebook), notebook.name)


def test_the_runs_are_whole_and_audited(executed: dict[str, Any]) -> None:
    for name in ("rivers", "dpo", "reward"):
        run = executed[name]
        assert run.report.is_file()
        assert run.model.is_dir()
        assert len(run.findings) > 70
        assert {finding.verdict for finding in run.findings} > {Verdict.QUIET, Verdict.NOT_ASSESSABLE}
    kept = executed["rivers"].path.with_name("rivers-inputs") / "reward.py"
    assert "def forty_characters(texts):" in kept.read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_what_came_out(notebook: Path) -> None:
    """Numbers that nobody works out anew would be wrong one day; ids and the version are what programs ask for."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)
    text = "".join("".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links != []
    assert [link for link in links if not (notebook.parent / link).exists()] == []


def test_a_cell_that_fails_is_named() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        run_cells(["a = 0", "1 / a"], "a.ipynb")
    assert str(raised.traceback[-1].path) == "<a.ipynb, code cell 2>"
