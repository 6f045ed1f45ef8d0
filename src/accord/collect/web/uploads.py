"""Files that whoever runs the study sends: read within limits, and held until it is said what becomes of them."""

import re
import secrets
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from litestar.datastructures import UploadFile

from accord.collect.study.phrases import phrase
from accord.collect.web.form_parsing import UnreadableError

__all__ = ["MAX_UPLOAD", "HeldFiles", "Upload", "upload_of", "written"]

MAX_UPLOAD = 8_000_000  # bytes as they are sent
MAX_UNPACKED = 64_000_000
HOLD_TIME = timedelta(hours=1)
GZIP = b"\x1f\x8b"
MAX_NAME = 80


@dataclass(frozen=True)
class Upload:
    """A file as it was sent: its name, without folders and with plain characters alone, and its content, unpacked."""

    name: str
    content: bytes


async def upload_of(file: UploadFile) -> Upload:
    """A file of a form. Raises `UnreadableError` where it is packed and damaged, or too long when it is unpacked."""
    content = await file.read()
    name = re.sub(r"[^\w.() -]", "_", file.filename.replace("\\", "/").rpartition("/")[2])[-MAX_NAME:].strip(" .")
    if content[:2] == GZIP:
        content, name = _unpacked(content), name.removesuffix(".gz")
    return Upload(name or "items.jsonl", content)


def _unpacked(content: bytes) -> bytes:
    """All members of a gzip file, and no more than `MAX_UNPACKED` bytes of them."""
    parts, room = [], MAX_UNPACKED
    while content:
        unpacking = zlib.decompressobj(wbits=31)
        try:
            part = unpacking.decompress(content, room + 1)
        except zlib.error as error:
            raise UnreadableError(phrase("problem.packed")) from error
        room -= len(part)
        if room < 0:
            raise UnreadableError(phrase("problem.unpacked", most=MAX_UNPACKED))
        if not unpacking.eof:
            raise UnreadableError(phrase("problem.packed"))
        parts.append(part)
        content = unpacking.unused_data
    return b"".join(parts)


@contextmanager
def written(upload: Upload) -> Iterator[Path]:
    """The file on disk, under its own name, as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / upload.name
        path.write_bytes(upload.content)
        yield path


@dataclass
class HeldFiles:
    """The last file that each admin looked at, for an hour; taken once, by the name that its page was given."""

    _held: dict[str, tuple[str, datetime, Upload]] = field(default_factory=dict, repr=False)

    def hold(self, admin: str, upload: Upload, now: datetime) -> str:
        """Hold a file in the place of the one before; the name by which it is taken."""
        self._held = {who: held for who, held in self._held.items() if now - held[1] < HOLD_TIME}
        name = secrets.token_urlsafe(16)
        self._held[admin] = (name, now, upload)
        return name

    def take(self, admin: str, name: str, now: datetime) -> Upload | None:
        """The file of that name; None where another one was looked at since, it was taken, or its hour is over."""
        held = self._held.get(admin)
        if held is None or held[0] != name or now - held[1] >= HOLD_TIME:
            return None
        del self._held[admin]
        return held[2]
