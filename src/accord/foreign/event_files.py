"""The numbers in TensorBoard's files, `events.out.tfevents.*`, which other training software writes.

A file is a row of records: their length, its checksum, the bytes, their checksum (CRC-32C, rotated and shifted, as
TensorFlow's TFRecord has it). The bytes are a message `Event` of Protocol Buffers; what is read of it is the step
(field 2) and, of its summary (5), tag (1) and number (2, `simple_value`) of each value (1). All else is passed over.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from accord.errors import RecordError, storage
from accord.foreign.cells import LARGEST_STEP, finite

__all__ = ["Events", "event_folders", "read_events"]

PATTERN = "events.out.tfevents.*"
DEEPEST = 2  # folders below the one that is asked about
LONGEST = 1 << 30  # bytes of a record
POLYNOMIAL = 0x82F63B78


@dataclass(frozen=True)
class Events:
    """The numbers of a folder's files by step and tag; where one stands twice, the later one counts.

    unfinished   files whose last record is not whole and was left out
    """

    steps: Mapping[int, Mapping[str, float | None]]
    files: list[Path]
    unfinished: int = 0

    @property
    def tags(self) -> frozenset[str]:
        """All that a number was logged under."""
        return frozenset(tag for entry in self.steps.values() for tag in entry)


def event_folders(folder: Path) -> list[Path]:
    """The folders that hold such files: the one asked about, and those up to two below it."""
    places, level = [], [folder]
    for _ in range(DEEPEST + 1):
        places += level
        with storage(folder):
            level = [path for place in level for path in sorted(place.iterdir()) if _is_own_folder(path)]
    return [place for place in places if any(place.glob(PATTERN))]


def _is_own_folder(path: Path) -> bool:
    """A folder that is no link, which could lead in a circle."""
    return path.is_dir() and not path.is_symlink()


def read_events(folder: Path) -> Events:
    """The numbers of all files of a folder. Raises `RecordError` that names file and byte where one is damaged."""
    files = sorted(path for path in folder.glob(PATTERN) if path.is_file())
    steps: dict[int, dict[str, float | None]] = {}
    unfinished = 0
    for file in files:
        with storage(file):
            content = file.read_bytes()
        records, is_whole = _records(content, file.name)
        unfinished += not is_whole
        for start, record in records:
            place = f"{file.name} byte {start}"
            for step, tag, number in _numbers(record, place):
                steps.setdefault(step, {})[tag] = number
    return Events(dict(sorted(steps.items())), files, unfinished)


def _records(content: bytes, name: str) -> tuple[list[tuple[int, bytes]], bool]:
    """Each record with the byte at which it begins, and whether the last one is whole."""
    records: list[tuple[int, bytes]] = []
    at = 0
    while at < len(content):
        head = content[at : at + 12]
        if len(head) < 12:
            return records, False
        length, check = struct.unpack("<QI", head)
        if _masked(head[:8]) != check or length > LONGEST:
            raise RecordError(
                "no record of TensorBoard's begins here (its checksum differs)", place=f"{name} byte {at}"
            )
        body = content[at + 12 : at + 12 + length]
        tail = content[at + 12 + length : at + 16 + length]
        if len(tail) < 4:
            return records, False
        if _masked(body) != struct.unpack("<I", tail)[0]:
            raise RecordError("a record is damaged (its checksum differs)", place=f"{name} byte {at}")
        records.append((at, body))
        at += 16 + length
    return records, True


def _numbers(record: bytes, place: str) -> Iterator[tuple[int, str, float | None]]:
    """Step, tag and number of each value in an event."""
    step, summaries = 0, []
    for field, value in _fields(record, place):
        if field == 2 and isinstance(value, int):
            step = value
        elif field == 5 and isinstance(value, bytes):
            summaries.append(value)
    if summaries and not 0 <= step <= LARGEST_STEP:
        raise RecordError("the step is no number from 0 to 2^53", place=place)
    for summary in summaries:
        for field, value in _fields(summary, place):
            if field == 1 and isinstance(value, bytes):
                tag, number = _value(value, place)
                if number is not None:
                    yield step, tag, finite(number)


def _value(message: bytes, place: str) -> tuple[str, float | None]:
    tag, number = "", None
    for field, value in _fields(message, place):
        if field == 1 and isinstance(value, bytes):
            tag = value.decode(errors="replace")
        elif field == 2 and isinstance(value, float):
            number = value
    return tag, number


def _fields(message: bytes, place: str) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message with their numbers: whole numbers, 32-bit floats, bytes; 64-bit ones are passed over."""
    at = 0
    while at < len(message):
        key, at = _whole(message, at, place)
        field, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _whole(message, at, place)
            yield field, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _whole(message, at, place)
        if size is None or at + size > len(message):
            raise RecordError("no event of TensorBoard's", place=place)
        if kind == 2:
            yield field, message[at : at + size]
        elif kind == 5:
            yield field, float(struct.unpack("<f", message[at : at + size])[0])
        at += size


def _whole(message: bytes, at: int, place: str) -> tuple[int, int]:
    """A whole number of variable length, and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise RecordError("no event of TensorBoard's", place=place)


def _masked(content: bytes) -> int:
    """The checksum of TFRecord."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in content:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    """CRC-32C of each byte (Castagnoli et al. 1993)."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
