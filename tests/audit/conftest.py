"""One real run for all audit tests; each test gets a copy of its own to tamper with."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.run import RunDirectory
from small_run import make_run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audited") / "run"
    make_run(path)
    return path


@pytest.fixture
def run(small_run: Path, tmp_path: Path) -> Iterator[RunDirectory]:
    shutil.copytree(small_run, tmp_path / "run")
    with RunDirectory.open(tmp_path / "run") as opened:
        yield opened
