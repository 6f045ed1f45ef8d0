"""A process that writes one sheet after another, for as long as the block lasts."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from said import sheet

from accord.feedback import Ledger

__all__ = ["somebody_writes"]


def _write(where: str, started: Event, stop: Event) -> None:
    with Ledger(where, pooled=True) as ledger:
        for number in range(10**6):
            ledger.extend(sheet(number))
            started.set()
            if stop.is_set():
                return


@contextmanager
def somebody_writes(where: Path | str) -> Iterator[None]:
    """Twelve judgements a transaction, by another process; it is known to have begun."""
    context = multiprocessing.get_context("spawn")
    started, stop = context.Event(), context.Event()
    writer = context.Process(target=_write, args=(str(where), started, stop))
    writer.start()
    try:
        assert started.wait(60)
        yield
    finally:
        stop.set()
        writer.join(60)
    assert writer.exitcode == 0
