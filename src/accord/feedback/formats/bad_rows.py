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
    """Where to put bad rows: `{"place", "reason", "row"}` a line of `path`, which is written anew and gone without any.

    Where the block raises, a file that was there before stays as it is.
    """
    beside = path.with_name(f"{path.name}.part")
    number, whole = 0, False
    with storage(path):
        beside.unlink(missing_ok=True)
        make_private(beside)
        try:
            with beside.open("w", encoding="utf-8", errors="backslashreplace") as file:

                def put(row: BadRow) -> None:
                    nonlocal number
                    number += 1
                    reason = str(row.problem).removeprefix(f"{row.place}: ")
                    line = {"place": row.place, "reason": reason, "row": row.content}
                    file.write(json.dumps(line, ensure_ascii=False, default=repr) + "\n")

                yield put
            whole = True
        finally:
            if number and (whole or not path.exists()):
                beside.replace(path)
            elif whole:
                path.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)
