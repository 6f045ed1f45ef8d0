"""How much more memory a piece of work holds at its peak, the more there is to do."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Work = Callable[[int], object]


def growth(work: Work, few: int, many: int) -> float:
    """The bytes by which the peak of `work(number)` grows with each, from `few` to `many`.

    What is done once more than is measured fills the caches that stay: modules, statements, and the short strings
    that pydantic keeps (some 16,000 of them, which look like growth for as long as they are not all there). The
    collector comes round every few hundred objects, so that no peak is the garbage that it had yet to find.
    """
    with _busy_collector():
        tracemalloc.start()
        try:
            work(many)
            return (_peak(work, many) - _peak(work, few)) / (many - few)
        finally:
            tracemalloc.stop()


def _peak(work: Work, number: int) -> int:
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    work(number)
    return tracemalloc.get_traced_memory()[1] - before


@contextmanager
def _busy_collector() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(200, 5, 2)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
