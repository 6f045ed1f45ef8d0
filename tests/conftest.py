"""What holds for every test: no network, fixed seeds, no deadline that a busy machine could miss."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import postgres_cluster

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from hypothesis import settings

settings.register_profile("accord", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("accord")


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_cluster.Cluster]:
    """A PostgreSQL cluster of our own; whoever asks for it is skipped where it cannot be started."""
    if reason := postgres_cluster.why_not():
        pytest.skip(reason)
    with postgres_cluster.cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A place where there is no ledger yet: a path, or the URL of an empty database."""
    if request.param == "sqlite":
        return tmp_path / "ledger.db"
    return str(request.getfixturevalue("postgres").database())
