"""Lines of cells are bound to their code and their content; whoever is stopped leaves no process and no folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from accord.errors import RecipeError
from accord.lab.cell import Cell, CellResult, Measurement
from accord.lab.cell_lines import CellLines
from accord.lab.cell_runner import read_cells, run_cells
from accord.lab.code_digest import imported_files
from accord.lab.reproduce import Reproduction


class Square(Measurement):
    """What the toy measures."""

    value: int


def work(_arm: str, seed: int, _short: bool, _folder: Path) -> list[Square]:
    return [Square(value=seed**2)]


def nothing(_results: Sequence[CellResult[Square]]) -> str:
    return ""


SQUARES: Reproduction[Square] = Reproduction(
    name="squares",
    question="What is the square?",
    cells=lambda _: [Cell("square", seed) for seed in range(3)],
    record=CellResult[Square],
    work=work,
    conclude=lambda _: {},
    table=nothing,
    figure=nothing,  # type: ignore[arg-type]
)


def write_cells(out: Path, reproduction: Reproduction[Square] = SQUARES) -> CellLines:
    lines = CellLines(reproduction, out, short=False)
    for cell in reproduction.cells(False):
        measurements = tuple(work(cell.arm, cell.seed, False, out))
        lines.append(
            CellResult[Square](
                name="squares", short=False, arm=cell.arm, seed=cell.seed, seconds=0.1, measurements=measurements
            )
        )
    return lines


def test_cells_are_read_back(tmp_path: Path) -> None:
    lines = write_cells(tmp_path)
    assert [cell.measurements[0].value for cell in lines.read()] == [0, 1, 4]
    assert lines.outdated() == 0
    assert [done.step for done in run_cells(SQUARES, tmp_path)] == [3]


@pytest.mark.parametrize("change", [{"measurements": [{"value": 5}]}, {"seconds": 9.0}, {"seed": 7}, {"digest": "0"}])
def test_an_altered_line_is_refused_with_its_place(change: dict[str, object], tmp_path: Path) -> None:
    lines = write_cells(tmp_path)
    first, second, third = lines.file.read_text().splitlines()
    altered = json.dumps(json.loads(second) | change)
    lines.file.write_text("\n".join([first, altered, third]) + "\n")
    with pytest.raises(RecipeError, match=r"cells\.jsonl:2: was altered after it was written"):
        read_cells(SQUARES, tmp_path, short=False)


def test_a_line_that_is_no_cell_is_refused(tmp_path: Path) -> None:
    lines = write_cells(tmp_path)
    lines.file.write_text("[]\n" + lines.file.read_text())
    with pytest.raises(RecipeError, match=r"cells\.jsonl:1: not a cell"):
        lines.read()


def test_cells_of_other_code_count_as_not_done(tmp_path: Path) -> None:
    """They stay where they are, and count again where the code is what it was."""
    table = tmp_path / "costs.toml"
    table.write_text("cost = 1\n")
    paid = replace(SQUARES, reads=(table,))
    write_cells(tmp_path, paid)
    assert len(read_cells(paid, tmp_path, short=False)) == 3
    table.write_text("cost = 2\n")
    assert read_cells(paid, tmp_path, short=False) == []
    assert CellLines(paid, tmp_path, short=False).outdated() == 3
    write_cells(tmp_path, paid)
    assert len(read_cells(paid, tmp_path, short=False)) == 3
    assert CellLines(paid, tmp_path, short=False).outdated() == 0
    table.write_text("cost = 1\n")
    assert len(read_cells(paid, tmp_path, short=False)) == 3


def test_lines_without_a_digest_are_those_of_other_code(tmp_path: Path) -> None:
    lines = write_cells(tmp_path)
    contents = [json.loads(line) for line in lines.file.read_text().splitlines()]
    bare = [{name: value for name, value in each.items() if name not in {"code", "digest"}} for each in contents]
    lines.file.write_text("".join(json.dumps(each) + "\n" for each in bare))
    assert (lines.read(), lines.outdated()) == ([], 3)


# -- which code ---------------------------------------------------------------------------------------------------

TOY = {
    "__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.far import reached, unasked\n",
    "work.py": "from toy.direct import one\nfrom toy.lazy import shown\ndef work():\n    import toy.inside\n",
    "direct.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.unrelated import x\nfrom . import sibling\n"
    ),
    "sibling.py": "",
    "inside.py": "from toy import reached\n",
    "far.py": "reached = unasked = 1\n",
    "unrelated.py": "x = 1\n",
    "lazy/__init__.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from toy.lazy.first import shown\n    from toy.lazy.second import hidden\n"
    ),
    "lazy/first.py": "shown = 1\n",
    "lazy/second.py": "hidden = 1\n",
}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    for name, content in TOY.items():
        file = tmp_path / "toy" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(content)
    return tmp_path / "toy"


def names_of(toy: Path, start: str = "work.py") -> set[str]:
    return {str(file.relative_to(toy)) for file in imported_files([toy / start], toy)}


def test_what_is_imported_counts_and_nothing_else(toy: Path) -> None:
    """Directly, inside of functions, relatively, and behind a lazy package's names; not for type checkers alone."""
    inside = {"__init__.py", "work.py", "direct.py", "sibling.py", "inside.py", "far.py"}
    assert names_of(toy) == inside | {"lazy/__init__.py", "lazy/first.py"}


def test_a_package_that_is_bound_counts_whole(toy: Path) -> None:
    (toy / "work.py").write_text("from toy import lazy\n")
    assert names_of(toy) == {"__init__.py", "work.py", "lazy/__init__.py", "lazy/first.py", "lazy/second.py"}


def test_what_the_packages_around_the_start_import_does_not_count(toy: Path) -> None:
    (toy / "lazy" / "__init__.py").write_text("from toy.unrelated import x\n")
    (toy / "lazy" / "first.py").write_text("import toy.direct\n")
    assert names_of(toy, "lazy/first.py") == {
        "__init__.py",
        "lazy/first.py",
        "direct.py",
        "sibling.py",
    }
    assert "unrelated.py" in names_of(toy)  # whoever imports from the package runs it


# -- stopping -----------------------------------------------------------------------------------------------------

SLOW = """
import os, signal, sys, time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
sys.path.insert(0, {tests!r})
from test_cell_lines import SQUARES, Square
from accord.lab.cell_runner import run_cells

def work(arm, seed, short, folder):
    with TemporaryDirectory() as scratch:
        (folder / f"begun-{{seed}}").write_text(f"{{os.getpid()}} {{scratch}}")
        time.sleep(600)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began these tests may ignore it
    for done in run_cells(replace(SQUARES, work=work), Path(sys.argv[1]), processes=2):
        pass
"""


def interrupt_all(running: subprocess.Popen[bytes]) -> None:
    """Ctrl-C in a terminal: it reaches the processes of the pool as well."""
    os.killpg(running.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "stop", [interrupt_all, subprocess.Popen.terminate, subprocess.Popen.kill], ids=["Ctrl-C", "SIGTERM", "kill -9"]
)
def test_what_stops_a_run_ends_its_processes_and_removes_their_folders(
    stop: Callable[[subprocess.Popen[bytes]], None], tmp_path: Path
) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW.format(tests=str(Path(__file__).parent)))
    running = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        _wait(lambda: len(_begun(tmp_path)) == 2 and running.poll() is None)
        stop(running)
        assert running.wait(60) != 0
        for process, scratch in _begun(tmp_path):
            _wait(lambda process=process: not _is_alive(process))
            assert not Path(scratch).exists()
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)


def _begun(folder: Path) -> list[tuple[int, str]]:
    """The processes whose cells have begun, with their temporary folders."""
    written = [file.read_text().split() for file in folder.glob("begun-*")]
    return [(int(words[0]), words[1]) for words in written if len(words) == 2]


def _is_alive(process: int) -> bool:
    """Whether a process works on; one that has ended may wait for whoever adopted it."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + 120
    while not until():
        assert time.monotonic() < limit
        time.sleep(0.1)
