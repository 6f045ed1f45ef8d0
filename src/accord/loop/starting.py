"""A small recipe to start from, with some feedback and a study of people."""

from importlib.resources import files
from pathlib import Path

from accord.errors import StorageError, storage

__all__ = ["write_starter"]


def write_starter(folder: Path) -> list[Path]:
    """A recipe and an example of feedback in `folder`. Raises `StorageError` where one of them is there already."""
    sources = sorted(files("accord.loop").joinpath("starter").iterdir(), key=lambda source: source.name)
    paths = [folder / source.name for source in sources]
    for path in paths:
        with storage(path):
            is_there = path.exists()
        if is_there:
            raise StorageError(f"{path}: already there; choose another folder")
    for path, source in zip(paths, sources, strict=True):
        with storage(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
    return paths
