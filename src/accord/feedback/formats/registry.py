"""What a format is, and the formats that there are."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from accord.errors import LedgerError, storage
from accord.feedback.store.ledger import Ledger
from accord.fetch import Pinned
from accord.records import JUDGEMENT_KINDS, Record
from accord.registry import Registry

__all__ = ["FORMATS", "Format", "head_of", "reader_for", "register_format", "writer_for"]

HEAD = 65_536
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Format:
    """A way in which feedback is stored in a file.

    name          how it is called by `--format` and in recipes
    description   what it is, in a sentence
    carries       the kinds of judgement that it can hold
    recognises    whether a file is of it, by its name and its first bytes (unpacked where they are gzipped); of a file
                  that is to be written there are no bytes yet
    read          yields the records of a file, and raises `RecordError` at the first line that is malformed
    write         writes a ledger's records to a file, and returns how many
    pinned        the packaged file that is read where no other is named
    """

    name: str
    description: str
    carries: frozenset[str]
    recognises: Callable[[str, bytes], bool]
    read: Callable[[Path], Iterator[Record]] | None = None
    write: Callable[[Ledger, Path], int] | None = None
    pinned: Pinned | None = None

    def __post_init__(self) -> None:
        if unknown := sorted(self.carries - JUDGEMENT_KINDS):
            raise ValueError(f"format '{self.name}' carries {unknown}, which are no kinds of judgement")
        if self.read is None and self.write is None:
            raise ValueError(f"format '{self.name}' neither reads nor writes")


FORMATS: Registry[Format] = Registry("format", error=LedgerError)
"""All formats by name, in order of registration."""


def register_format(form: Format) -> Format:
    """Add a format. Raises `ExtensionError` where its name is taken."""
    return FORMATS.add(form.name, form)


def reader_for(path: Path, name: str | None = None) -> Format:
    """The format to read a file by: the one of that name, or the only one that recognises the file.

    Raises `LedgerError` where there is none, or there are several; `StorageError` where the file cannot be read.
    """
    if name is not None:
        form = FORMATS.get(name)
        if form.read is None:
            raise LedgerError(f"the format '{name}' can be written, not read; choose one of {_names(_readers())}")
        return form
    head = head_of(path)
    return _only([form for form in _readers() if form.recognises(path.name, head)], _readers(), path)


def writer_for(path: Path, name: str | None = None) -> Format:
    """The format to write a file by: the one of that name, or the only one that the file's name is of.

    Raises `LedgerError` where there is none, or there are several.
    """
    if name is not None:
        form = FORMATS.get(name)
        if form.write is None:
            raise LedgerError(f"the format '{name}' can be read, not written; choose one of {_names(_writers())}")
        return form
    return _only([form for form in _writers() if form.recognises(path.name, b"")], _writers(), path)


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked where they are gzipped as far as they can be."""
    with storage(path), path.open("rb") as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        if not packed:
            return file.read(HEAD)
        try:
            with gzip.open(file) as unpacked:
                return unpacked.read(HEAD)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return b""


def _only(fitting: list[Format], choice: list[Format], path: Path) -> Format:
    if len(fitting) == 1:
        return fitting[0]
    problem = f"it may be of {_names(fitting)}" if fitting else "no format recognises it"
    raise LedgerError(f"{path}: {problem}; give --format, one of {_names(fitting or choice)}")


def _readers() -> list[Format]:
    return [form for form in FORMATS if form.read is not None]


def _writers() -> list[Format]:
    return [form for form in FORMATS if form.write is not None]


def _names(formats: list[Format]) -> str:
    return ", ".join(form.name for form in formats)
