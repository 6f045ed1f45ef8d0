"""Sets of the `datasets` library: folders that it saved, and names on its hub, of which rows are streamed.

A folder needs no library: its rows are Arrow. A name needs the extra `datasets`, and a connection.
"""

from collections.abc import Iterator
from pathlib import Path

from accord.errors import LedgerError, RecordError, StorageError, storage
from accord.extras import require
from accord.feedback.formats.containers.tables import arrow_rows
from accord.feedback.formats.json_text import object_of
from accord.feedback.formats.rows import BadRow, SourceRow

__all__ = ["folder_rows", "hub_rows"]


def folder_rows(folder: Path, split: str | None) -> Iterator[SourceRow | BadRow]:
    """The rows of a folder that `save_to_disk` wrote, of a set or of one with splits.

    Raises `LedgerError` where it is not said which split, `StorageError` where it is no such folder.
    """
    if splits := _names(folder / "dataset_dict.json", "splits"):
        if split is None or split not in splits:
            problem = "it has several parts" if split is None else f"it has no part '{split}'"
            raise LedgerError(f"{folder}: {problem}; give --split, one of {', '.join(splits)}")
        folder = folder / split
    elif split is not None and (folder / "state.json").is_file():
        raise LedgerError(f"{folder}: it has no parts; leave --split out")
    files = _names(folder / "state.json", "_data_files")
    if files is None:
        raise StorageError(f"{folder}: a folder that datasets did not save; name the file in it that is to be read")
    for file in files:
        yield from arrow_rows(folder / file)


def _names(path: Path, key: str) -> list[str] | None:
    """The names (of splits, of files) that a file of the library's lists; None where it is not there.

    Raises `RecordError` where the file does not list names.
    """
    if not path.is_file():
        return None
    with storage(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    listed = object_of(text, str(path)).get(key)
    items = listed if isinstance(listed, list) else [None]
    names = [item.get("filename") if isinstance(item, dict) else item for item in items]
    if not all(isinstance(name, str) and name for name in names):
        raise RecordError(f"'{key}' is no list of names: the folder is damaged", place=str(path))
    return [str(name) for name in names]


def hub_rows(name: str, split: str) -> Iterator[SourceRow | BadRow]:
    """The rows of a set on the hub, streamed. Raises `StorageError` where it cannot be had."""
    require("datasets", f"{name}: no such file, and to read it from the hub")
    import datasets

    try:
        rows = datasets.load_dataset(name, split=split, streaming=True)
        if rows.features is not None:
            rows = rows.decode(False)  # pictures and sound stay references
        for number, content in enumerate(rows, start=1):
            yield SourceRow(f"{name}[{split}] row {number}", dict(content))
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StorageError(f"{name}: no such file, and from the hub it cannot be had ({reason:.200})") from error
