"""Files that are there whole or not at all, their digests, and paths that do not lead out of a folder."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from accord.errors import ArtefactError, storage

__all__ = [
    "PART",
    "digest_of",
    "digest_of_folder",
    "digest_of_settings",
    "give_usual_rights",
    "is_plain",
    "put_folder",
    "sync",
    "sync_tree",
    "within",
    "write_parts",
    "write_whole",
]

PART = ".part"
"""How the name of what is not yet whole, or no longer wanted, ends."""


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_folder(folder: Path) -> str:
    """The SHA-256 of all files below a folder, with their names."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)} {digest_of(file)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def digest_of_settings(settings: object) -> str:
    """A short digest of anything JSON can hold."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_plain(name: str) -> bool:
    """Whether a name is a path below a folder: relative, without `..`, `.` or a NUL."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return bool(name) and not name.startswith("/") and "\0" not in name and str(_normal(name)) == name


def _normal(name: str) -> PurePosixPath:
    return PurePosixPath(*(part for part in PurePosixPath(name).parts if part not in {"..", "."}))


def within(root: Path, name: str) -> Path:
    """The path of `name` below `root`.

    Raises `ArtefactError` where it would lead out, by its own parts or by a symbolic link on the way.
    """
    path = root / name
    if not is_plain(name) or not path.resolve().is_relative_to(root.resolve()):
        raise ArtefactError(f"{path}: leads out of the run; a run's files lie inside of it")
    return path


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is there whole or as it was before. Raises as `write_parts` does."""
    write_parts(target, [content])


def write_parts(target: Path, parts: Iterable[bytes]) -> tuple[str, int]:
    """The same of bytes that come one after the other: beside, synced, renamed. The file's SHA-256 and its size.

    Raises `StorageError` where the disk is full or the folder cannot be written.
    """
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(target.name + PART)
        digest, size = hashlib.sha256(), 0
        try:
            with beside.open("wb") as file:
                for part in parts:
                    digest.update(part)
                    size += file.write(part)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync(target.parent)
    return digest.hexdigest(), size


def give_usual_rights(folder: Path) -> None:
    """Give all files below a folder that was made just now the rights that any new file has here.

    What a library writes by way of a temporary file is its owner's alone; what stands beside it goes by the umask.
    """
    usual = folder.stat().st_mode & 0o666  # the umask has taken the same from the folder
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(usual)


def put_folder(beside: Path, target: Path) -> None:
    """Rename a whole folder to its place; one that is there already makes way by a rename, not by being emptied."""
    replaced = target.with_name(f"{target.name}.gone{PART}")
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        target.rename(replaced)
    beside.rename(target)
    sync(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def sync(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Sync a folder and all that is below it."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
