"""The records of a file of a run by their ids: a dictionary where the file is small, and else read one by one."""

import sys
from array import array
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import Generic, TypeVar

import numpy as np

from accord.artefacts.file_rows import FileRows
from accord.records import Record

__all__ = ["FileRecords", "records_by_id"]

R = TypeVar("R", bound=Record)
T = TypeVar("T")


def records_by_id(rows: Sequence[T], record_of: Callable[[T], R]) -> Mapping[str, R]:
    """The record in each row by its id, in the order of the rows; of a large file (`FileRows`) none is held."""
    if isinstance(rows, FileRows):
        return FileRecords(rows, record_of)
    return {record.id: record for record in map(record_of, rows)}


class FileRecords(Mapping[str, R], Generic[T, R]):
    """Records in a file that is too large to be held: of each eight bytes of its id and its place.

    One that is looked up is read alone, and checked against its id; every pass over all of them reads the file.
    """

    def __init__(self, rows: FileRows[T], record_of: Callable[[T], R]) -> None:
        self._rows, self._record_of = rows, record_of
        keys = array("q", (_key(record_of(row).id) for row in rows))
        key_N = np.frombuffer(keys, dtype=np.int64)
        self._place_N = np.argsort(key_N, kind="stable")
        self._key_N = key_N[self._place_N]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return (record.id for record in self.stream())

    def __getitem__(self, name: str) -> R:
        left, right = (int(np.searchsorted(self._key_N, _key(name), side)) for side in ("left", "right"))
        for place in self._place_N[left:right].tolist():
            record = self._record_of(self._rows[place])
            if record.id == name:
                return record
        raise KeyError(name)

    def items(self) -> ItemsView[str, R]:
        """Ids and records, read one after the other."""
        return _Items(self)

    def values(self) -> ValuesView[R]:
        """Records, read one after the other."""
        return _Values(self)

    def stream(self) -> Iterator[R]:
        """Records in the order of the file."""
        return map(self._record_of, self._rows)


class _Items(ItemsView[str, R]):
    _mapping: FileRecords[object, R]

    def __iter__(self) -> Iterator[tuple[str, R]]:
        return ((record.id, record) for record in self._mapping.stream())


class _Values(ValuesView[R]):
    _mapping: FileRecords[object, R]

    def __iter__(self) -> Iterator[R]:
        return self._mapping.stream()


def _key(name: str) -> int:
    """Eight bytes of the digest in an id; of a name that is no such id none, which finds nothing."""
    try:
        return int(name[2:18], 16) - sys.maxsize - 1
    except ValueError:
        return 0
