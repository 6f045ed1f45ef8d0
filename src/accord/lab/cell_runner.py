"""Cells worked out side by side, in processes of their own, until all are done or the run is stopped."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

from accord.errors import storage
from accord.extensions import load_extensions
from accord.lab.cell import Cell, CellResult, Measurement
from accord.lab.cell_lines import CellLines
from accord.lab.reproduce import Reproduction

__all__ = ["Done", "read_cells", "run_cells"]

M = TypeVar("M", bound=Measurement)
MEMORY = Path("/dev/shm")  # noqa: S108 - for folders with names of their own
ROOM = 2 * 1024**3  # bytes of it that must be free
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Done:
    """How many cells are done, of how many; and how many are there by other code, to be worked out again."""

    step: int
    total: int
    outdated: int = 0


def run_cells(
    reproduction: Reproduction[M], out: Path, *, short: bool = False, processes: int | None = None
) -> Iterator[Done]:
    """Work out the cells that are not done yet; yields after each how many are done. Leaves `cells.jsonl` in `out`.

    Raises `RecipeError` where `out` holds cells of another reproduction or of another length, or lines that were
    altered. Where it is stopped (Ctrl-C), its processes are ended and what they left in temporary folders is removed.
    """
    cells = reproduction.cells(short)
    with storage(out):
        out.mkdir(parents=True, exist_ok=True)
    lines = CellLines(reproduction, out, short=short)
    lines.drop_cut_line()
    done = {(cell.arm, cell.seed) for cell in lines.read()}
    pending = [cell for cell in cells if (cell.arm, cell.seed) not in done]
    yield Done(len(cells) - len(pending), len(cells), lines.outdated())
    if not pending:
        return
    if reproduction.prepare is not None:
        with _pool(
            1, reproduction.extensions, threads=True
        ) as single:  # all threads are its own; its memory goes with it
            single.submit(reproduction.prepare, out, short).result()
    with _pool(processes or max(1, os.cpu_count() or 1), reproduction.extensions) as pool:
        futures = {pool.submit(_timed, reproduction.work, cell, short, out): cell for cell in pending}
        for number, future in enumerate(as_completed(futures), len(cells) - len(pending) + 1):
            measurements, seconds = future.result()
            lines.append(_result(reproduction, futures[future], short, measurements, seconds))
            yield Done(number, len(cells))


def read_cells(reproduction: Reproduction[M], out: Path, *, short: bool) -> list[CellResult[M]]:
    """The cells that are done, in the order of the reproduction. Raises `RecipeError` as `run_cells` does."""
    return CellLines(reproduction, out, short=short).read()


@contextmanager
def _pool(workers: int, extensions: Sequence[Path], *, threads: bool = False) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, at once where it is left by an exception; so do their temporary files.

    Each has one thread, or with `threads` as many as there are cores.
    """
    before = set(active_children())
    scratch = Path(tempfile.mkdtemp(prefix="accord-lab-", dir=_quick_folder()))
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(str(scratch), tuple(extensions)),
    )
    try:
        with nullcontext() if threads else _single_threaded():
            yield pool
    except BaseException:
        for process in set(active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that are started meanwhile have one thread each: numpy and torch read so when they are imported."""
    before = {name: value for name, value in os.environ.items() if name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name in THREADS:
            os.environ.pop(name)
        os.environ.update(before)


def _quick_folder() -> Path | None:
    """A folder in memory, where there is one with room; None for the usual one."""
    try:
        return MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM else None
    except OSError:
        return None


def _begin(scratch: str, extensions: tuple[Path, ...]) -> None:
    """In a process of the pool: it is stopped by whoever started it, not by the terminal, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = scratch
    Thread(target=_end_with_its_starter, args=(scratch,), daemon=True).start()
    load_extensions(extensions, Path.cwd())


def _end_with_its_starter(scratch: str) -> None:
    """Ends this process, and its temporary files, where the one that started it was killed."""
    starter = parent_process()
    assert starter is not None
    starter.join()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def _timed(
    work: Callable[[str, int, bool, Path], Sequence[M]], cell: Cell, short: bool, folder: Path
) -> tuple[Sequence[M], float]:
    """What is measured in a cell, and the seconds it took."""
    start = monotonic()
    try:
        measurements = work(cell.arm, cell.seed, short, folder)
    except Exception as error:
        error.add_note(f"in the cell {cell.arm}, seed {cell.seed}")
        raise
    return measurements, round(monotonic() - start, 2)


def _result(
    reproduction: Reproduction[M], cell: Cell, short: bool, measurements: Sequence[M], seconds: float
) -> CellResult[M]:
    content: dict[str, Any] = {"name": reproduction.name, "short": short, "arm": cell.arm, "seed": cell.seed}
    return reproduction.record(**content, seconds=seconds, measurements=tuple(measurements))
