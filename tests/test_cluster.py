"""Where PostgreSQL cannot be started, its tests say why."""

from pathlib import Path

import pytest
from tools import postgres_cluster


def test_without_binaries_the_reason_names_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres_cluster, "DEBIAN", tmp_path)
    assert "PostgreSQL is not installed" in str(postgres_cluster.why_not())


def test_a_program_on_the_path_is_found_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "initdb"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres_cluster.binaries() == tmp_path


def test_the_newest_version_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "13"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(postgres_cluster, "DEBIAN", tmp_path)
    assert postgres_cluster.binaries() == tmp_path / "15" / "bin"
