"""Runs that are made once and only looked at."""

from pathlib import Path

import pytest
from logged_runs import killed


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run, trained and evaluated, of which audit and report are still to come."""
    from watched_runs import make_trained  # which loads torch, that most of these tests do without

    path = tmp_path_factory.mktemp("watch") / "letters"
    make_trained(path)
    return path


@pytest.fixture(scope="session")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose process was killed in its fourth step of ten."""
    path = tmp_path_factory.mktemp("watch") / "killed"
    killed(path)
    return path
