"""Records of a ledger that are read where they are asked for, so that millions of them need not be held.

What is held of a record is its row, of one that is looked up by its id eight bytes of that too. Where there are few
records they are read once and kept. The ledger has to stay where it is for as long as they are read.
"""

from array import array
from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from itertools import islice
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from accord.feedback.store.ledger import Ledger
from accord.records import Feedback, Record

__all__ = [
    "StoredFeedback",
    "StoredRecords",
    "at_places",
    "held_if_few",
    "of_kind",
    "pick",
    "several",
    "subset",
    "with_field",
]

R = TypeVar("R", bound=Record)
Rows = NDArray[np.int64]
MOST_HELD = 20_000  # records that are kept once they were read; of more none is
BLOCK, BLOCKS = 128, 256  # rows that are read around one that is looked up, and how many such blocks are kept
AT_ONCE = 2_000  # records that are looked up together


class StoredFeedback(Sequence[Feedback]):
    """Acts of judgement of a ledger, in the order of their rows; read in each pass, and checked against their ids."""

    def __init__(self, ledger: Ledger, row_N: Rows) -> None:
        self._ledger, self._row_N = ledger, row_N
        self._held: list[Feedback] | None = None

    @classmethod
    def of(cls, ledger: Ledger, upto: int | None = None) -> "StoredFeedback":
        """All feedback of a ledger, up to and with row `upto` (None: all there is now)."""
        last = ledger.last_row if upto is None else upto
        return cls(ledger, np.frombuffer(array("q", (row for row, _ in ledger.names(Feedback, last))), dtype=np.int64))

    def __len__(self) -> int:
        return self._row_N.size

    @overload
    def __getitem__(self, place: int) -> Feedback: ...
    @overload
    def __getitem__(self, place: slice) -> "StoredFeedback": ...
    def __getitem__(self, place: int | slice) -> "Feedback | StoredFeedback":
        if isinstance(place, slice):
            return StoredFeedback(self._ledger, self._row_N[place])
        row = self._row_N[place]  # raises IndexError as a list does
        return next(record for _, record in self._ledger.at(Feedback, [int(row)]))

    def __iter__(self) -> Iterator[Feedback]:
        if self._held is None and len(self) <= MOST_HELD:
            self._held = list(self._read(self._row_N))
        return self._read(self._row_N) if self._held is None else iter(self._held)

    def at(self, place_M: Rows) -> Iterator[Feedback]:
        """Those at these places, ascending."""
        if self._held is not None:
            return (self._held[place] for place in place_M.tolist())
        return self._read(self._row_N[place_M])

    def subset(self, keep: Sequence[bool] | bytearray) -> "StoredFeedback":
        """Those at whose places `keep` is true."""
        chosen_N = np.frombuffer(bytearray(keep), dtype=np.uint8).astype(np.bool_)
        part = StoredFeedback(self._ledger, self._row_N[chosen_N])
        if self._held is not None:
            part._held = [record for record, kept in zip(self._held, keep, strict=True) if kept]
        return part

    def holding(self, text: str) -> Iterator[Feedback]:
        """Those whose JSON has this stretch, found by the database; all of them where they are few."""
        if self._held is not None or len(self) <= MOST_HELD:
            return iter(self)
        rows = array("q", (row for row, _ in self._ledger.names(Feedback, int(self._row_N[-1]), holding=text)))
        return self._read(np.intersect1d(np.frombuffer(rows, dtype=np.int64), self._row_N, assume_unique=True))

    def _read(self, row_N: Rows) -> Iterator[Feedback]:
        return (record for _, record in self._ledger.at(Feedback, row_N))


class StoredRecords(Mapping[str, R], Generic[R]):
    """The prompts or completions of a ledger by id, in the order of their rows."""

    def __init__(self, ledger: Ledger, kind: type[R], row_N: Rows, key_N: NDArray[np.uint64]) -> None:
        self._ledger, self._kind, self._row_N, self._key_N = ledger, kind, row_N, key_N
        order_N = np.argsort(key_N, kind="stable")
        self._sorted_N, self._row_of_N = key_N[order_N], row_N[order_N]
        self._blocks: OrderedDict[int, dict[int, tuple[str, str]]] = OrderedDict()
        self._held: dict[str, R] | None = None

    @classmethod
    def of(cls, ledger: Ledger, kind: type[R]) -> "StoredRecords[R]":
        """All records of a kind that there are now."""
        rows, keys = array("q"), array("Q")
        for row, name in ledger.names(kind):
            rows.append(row)
            keys.append(_key(name))
        return cls(ledger, kind, np.frombuffer(rows, dtype=np.int64), np.frombuffer(keys, dtype=np.uint64))

    def __len__(self) -> int:
        return self._row_N.size

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self.stream())

    def __getitem__(self, name: str) -> R:
        if (held := self._few()) is not None:
            return held[name]
        for row in self._rows_of(name):
            found, content = self._raw(row)
            if found == name:
                return self._ledger.read(self._kind, found, content)
        raise KeyError(name)

    def items(self) -> ItemsView[str, R]:
        """Ids and records, read one after the other."""
        return _Items(self)

    def values(self) -> ValuesView[R]:
        """Records, read one after the other."""
        return _Values(self)

    def stream(self) -> Iterator[tuple[str, R]]:
        """Ids and records in their order."""
        if (held := self._few()) is not None:
            return iter(held.items())
        return ((record.id, record) for _, record in self._ledger.at(self._kind, self._row_N))

    def several(self, names: Collection[str]) -> dict[str, R]:
        """The records of these ids, looked up together; ids that are not there are left out."""
        if (held := self._few()) is not None:
            return {name: held[name] for name in names if name in held}
        rows = sorted({row for name in names for row in self._rows_of(name)})
        found = {record.id: record for _, record in self._ledger.at(self._kind, rows)}
        return {name: found[name] for name in names if name in found}

    def holding(self, text: str) -> Iterator[R]:
        """Those whose JSON has this stretch, found by the database; all of them where they are few."""
        if (held := self._few()) is not None:
            return iter(held.values())
        rows = array("q", (row for row, _ in self._ledger.names(self._kind, holding=text)))
        ours_N = np.intersect1d(np.frombuffer(rows, dtype=np.int64), self._row_N, assume_unique=True)
        return (record for _, record in self._ledger.at(self._kind, ours_N))

    def without(self, names: Collection[str]) -> "StoredRecords[R]":
        """All but those of these ids."""
        if not names:
            return self
        rows = {row for name in names for row in self._rows_of(name) if self._raw(row)[0] == name}
        kept_N = ~np.isin(self._row_N, list(rows))
        return StoredRecords(self._ledger, self._kind, self._row_N[kept_N], self._key_N[kept_N])

    def _few(self) -> dict[str, R] | None:
        if self._held is None and len(self) <= MOST_HELD:
            self._held = {record.id: record for _, record in self._ledger.at(self._kind, self._row_N)}
        return self._held

    def _rows_of(self, name: str) -> list[int]:
        """The rows of the records whose ids begin as this one does: one, but for the rarest chance."""
        try:
            key = np.uint64(_key(name))
        except ValueError:
            return []
        left, right = (int(np.searchsorted(self._sorted_N, key, side)) for side in ("left", "right"))
        rows: list[int] = self._row_of_N[left:right].tolist()
        return rows

    def _raw(self, row: int) -> tuple[str, str]:
        """The id and the content of a row, read with its neighbours."""
        number = row // BLOCK
        if number not in self._blocks:
            self._blocks[number] = self._ledger.raw(self._kind, number * BLOCK, (number + 1) * BLOCK)
            if len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number][row]


class PickedRecords(Mapping[str, R], Generic[R]):
    """Some of the stored records by id in an order of their own, and further ones that are not in the ledger."""

    def __init__(self, stored: StoredRecords[R], names: Mapping[str, None], further: Mapping[str, R]) -> None:
        self._stored, self._further = stored, further
        self._names = dict.fromkeys(names)
        self._names.update(dict.fromkeys(further))

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> R:
        if name not in self._names:
            raise KeyError(name)
        return self._further[name] if name in self._further else self._stored[name]

    def items(self) -> ItemsView[str, R]:
        """Ids and records, read some at a time."""
        return _Items(self)

    def values(self) -> ValuesView[R]:
        """Records, read some at a time."""
        return _Values(self)

    def stream(self) -> Iterator[tuple[str, R]]:
        """Ids and records in their order."""
        names = iter(self._names)
        while some := list(islice(names, AT_ONCE)):
            found = self._stored.several([name for name in some if name not in self._further])
            yield from ((name, self._further[name] if name in self._further else found[name]) for name in some)


class _Items(ItemsView[str, R]):
    _mapping: StoredRecords[R] | PickedRecords[R]

    def __iter__(self) -> Iterator[tuple[str, R]]:
        return self._mapping.stream()


class _Values(ValuesView[R]):
    _mapping: StoredRecords[R] | PickedRecords[R]

    def __iter__(self) -> Iterator[R]:
        return (record for _, record in self._mapping.stream())


def several(records: Mapping[str, R], names: Collection[str]) -> dict[str, R]:
    """The records of these ids, looked up together where they are stored; ids that are not there are left out."""
    if isinstance(records, StoredRecords):
        return records.several(names)
    return {name: records[name] for name in names if name in records}


def subset(feedback: Sequence[Feedback], keep: Sequence[bool] | bytearray) -> Sequence[Feedback]:
    """The acts of judgement at whose places `keep` is true."""
    if isinstance(feedback, StoredFeedback):
        return feedback.subset(keep)
    return [record for record, kept in zip(feedback, keep, strict=True) if kept]


def held_if_few(feedback: Sequence[Feedback], *, of: int) -> Sequence[Feedback]:
    """As a tuple, unless they are stored and the `of` that they are a part of are too many to be held."""
    return feedback if isinstance(feedback, StoredFeedback) and of > MOST_HELD else tuple(feedback)


def with_field(records: Iterable[R] | Mapping[str, R], name: str) -> Iterable[R]:
    """The records in which an optional field (under its first name) may be set, found by the database where it can."""
    if isinstance(records, StoredFeedback | StoredRecords):
        return records.holding(f'"{name}":')
    return records.values() if isinstance(records, Mapping) else records


def of_kind(feedback: Iterable[Feedback], kind: str) -> Iterable[Feedback]:
    """The acts of judgement that may be of this kind, found by the database where it can."""
    return feedback.holding(f'"kind":"{kind}"') if isinstance(feedback, StoredFeedback) else feedback


def at_places(feedback: Sequence[Feedback], place_M: Rows) -> Iterator[tuple[int, Feedback]]:
    """The acts of judgement at these places (ascending), with their places."""
    if isinstance(feedback, StoredFeedback):
        return zip(place_M.tolist(), feedback.at(place_M), strict=True)
    return ((place, feedback[place]) for place in place_M.tolist())


def pick(records: Mapping[str, R], names: Mapping[str, None], further: Mapping[str, R]) -> Mapping[str, R]:
    """The records of these ids, in their order, and `further` ones behind (one that is named stays in its place)."""
    if isinstance(records, StoredRecords) and len(records) > MOST_HELD:
        return PickedRecords(records, names, further)
    return {name: records[name] for name in names} | dict(further)


def _key(name: str) -> int:
    """Eight bytes of the digest in an id."""
    return int(name[2:18], 16)
