"""Texts in files: unpacked where they are compressed, decoded as they say, by lines or by pieces of one length.

Read are UTF-8, with a byte order mark or without, and UTF-16. Everything else is refused with the line and the byte.
"""

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, cast

from accord.errors import RecordError, storage
from accord.feedback.formats.rows import BadRow

__all__ = [
    "COMPRESSIONS",
    "compression_of",
    "decoded_lines",
    "head_of",
    "head_text",
    "text_lines",
    "text_pieces",
    "unpacked",
]

HEAD = 65_536
COMPRESSIONS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "bz2": b"BZh"}
DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)


def compression_of(path: Path) -> str | None:
    """How a file is compressed, by its first bytes. Raises `StorageError` where it cannot be read."""
    with storage(path), path.open("rb") as file:
        start = file.read(4)
    return next((name for name, magic in COMPRESSIONS.items() if start.startswith(magic)), None)


@contextmanager
def unpacked(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes as a stream, unpacked on the way."""
    compression = compression_of(path)
    with storage(path):
        if compression is None:
            with path.open("rb") as plain:
                yield plain
        elif compression == "gzip":
            with gzip.open(path) as stream:
                yield cast("IO[bytes]", stream)
        else:
            import pyarrow as pa

            with pa.CompressedInputStream(pa.OSFile(str(path)), compression) as packed:
                yield BufferedReader(packed)


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked as far as they can be."""
    with unpacked(path) as stream:
        try:
            return stream.read(HEAD)
        except (*DAMAGED, OSError):
            return b""


def head_text(path: Path) -> str:
    """The same as a text, in which whatever cannot be decoded is replaced."""
    encoding, mark = _encoding(path)
    return head_of(path)[mark:].decode(encoding, "replace")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their ends, each with its number from 1.

    Raises `StorageError` where the file cannot be read, `RecordError` where it is damaged, cut short or no UTF-8 or
    UTF-16.
    """
    for number, line in decoded_lines(path):
        if isinstance(line, BadRow):
            raise line.problem
        yield number, line


def text_pieces(path: Path) -> Iterator[str]:
    """The text of a file by pieces of no more than 65,536 bytes, whatever its lines are. Raises as `text_lines`."""
    lines = 0
    with unpacked(path) as stream, _damage_told(path, lambda: lines):
        encoding, mark = _encoding(path)
        stream.read(mark)
        decoder = codecs.getincrementaldecoder(encoding)()
        while block := stream.read(HEAD):
            try:
                piece = decoder.decode(block)
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].count(b"\n")
                raise
            lines += piece.count("\n")
            yield piece
        decoder.decode(b"", final=True)


def decoded_lines(path: Path) -> Iterator[tuple[int, str | BadRow]]:
    """The same, but that a line which is no UTF-8 is a bad row, and the next one follows."""
    number = 0
    with unpacked(path) as stream, _damage_told(path, lambda: number):
        encoding, mark = _encoding(path)
        stream.read(mark)
        if encoding == "utf-8":
            for number, line in enumerate(stream, start=1):
                yield number, _decoded(line, f"{path.name}:{number}")
        else:
            with TextIOWrapper(stream, encoding=encoding, newline="\n") as text:
                for number, wide in enumerate(text, start=1):
                    yield number, wide


@contextmanager
def _damage_told(path: Path, lines: Callable[[], int]) -> Iterator[None]:
    """Turn what a damaged file raises into a `RecordError` whose place is behind so many lines."""
    try:
        yield
    except UnicodeDecodeError as error:
        sign = error.object[error.start : error.start + 1]
        reason = f"{sign!r} is no UTF-8; convert the file" if error.encoding == "utf-8" else f"no {error.encoding}"
        raise RecordError(f"{reason} ({error.reason})", place=f"{path.name}:{lines() + 1}") from error
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        problem = f"the compressed file is damaged or cut short ({error})"  # pyarrow's errors have no number
        raise RecordError(problem, place=f"{path.name}:{lines() + 1}") from error


def _encoding(path: Path) -> tuple[str, int]:
    """The encoding that the first bytes say, and how many of them are only its mark."""
    start = head_of(path)[:4]
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise RecordError("the file is UTF-32; convert it to UTF-8", place=f"{path.name}:1")
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    if start.startswith(codecs.BOM_UTF16_LE) or (len(start) == 4 and start[1::2] == b"\0\0" and start[0]):
        return "utf-16-le", 2 if start.startswith(codecs.BOM_UTF16_LE) else 0
    if start.startswith(codecs.BOM_UTF16_BE) or (len(start) == 4 and start[::2] == b"\0\0" and start[1]):
        return "utf-16-be", 2 if start.startswith(codecs.BOM_UTF16_BE) else 0
    return "utf-8", 0


def _decoded(line: bytes, place: str) -> str | BadRow:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        problem = (
            f"byte {error.start + 1} of the line, {line[error.start : error.start + 1]!r}, is no UTF-8; convert the "
            f"file (iconv -f WINDOWS-1252 -t UTF-8, if that is what it is)"
        )
        return BadRow(RecordError(problem, place=place), line.decode(errors="backslashreplace").rstrip("\r\n"))
