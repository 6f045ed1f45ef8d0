"""Rows that cannot be read, in a file beside their source: as they were, with place and reason."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from accord.errors import storage
from accord.feedback.formats.rows import BadRow
from accord.feedback.store.file_modes import make_private

__all__ = ["bad_rows_file"]


@contextmanager
def bad_rows_file(path: Path) -> Iterator[Callable[[BadRow], None]]:
    """Where to put bad rows: `path` is written anew, `{"place", "reason", "row"}` a line, and is gone without any."""
    make_private(path)
    with storage(path), path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        number = 0

        def put(row: BadRow) -> None:
            nonlocal number
            number += 1
            reason = str(row.problem).removeprefix(f"{row.place}: ")
            line = {"place": row.place, "reason": reason, "row": row.content}
            file.write(json.dumps(line, ensure_ascii=False, default=repr) + "\n")

        try:
            yield put
        finally:
            if not number:
                path.unlink(missing_ok=True)
