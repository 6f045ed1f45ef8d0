"""Working through a queue in threads, within a budget of tokens: what is done is kept at once, what fails set aside."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from accord.collect.sources.token_budget import TokenBudget
from accord.errors import ModelError

__all__ = ["FAILURES_IN_A_ROW", "WorkQueue"]

T = TypeVar("T")
R = TypeVar("R")
FAILURES_IN_A_ROW = 3


@dataclass
class WorkQueue(Generic[T, R]):
    """What is done with each of a queue of things.

    most_tokens  how many tokens one can cost at most; it is begun where so many are left
    work         does it, in a thread; raises `ModelError` where that failed
    keep         is told of each that is done, in the thread of `run`; gives back what it cost (None: nobody knows)
    fail         is told of each that failed; several in a row end the work
    """

    most_tokens: Callable[[T], int]
    work: Callable[[T], R]
    keep: Callable[[T, R], int | None]
    fail: Callable[[T, ModelError], None]
    budget: TokenBudget
    parallel: int
    _failures: int = 0
    _unforeseen: list[Exception] = field(default_factory=list)
    _running: "dict[Future[R], tuple[T, int]]" = field(default_factory=dict)

    def run(self, queue: deque[T]) -> None:
        """Work from the front of the queue; what is not begun is left in it.

        What is under way at the end, also after Ctrl-C, is waited for and kept. Raises the first of what `work` and
        `keep` raise beside `ModelError`, after that.
        """
        with ThreadPoolExecutor(self.parallel) as threads:
            try:
                while not self._unforeseen:
                    self._begin(queue, threads)
                    if not self._running:
                        break
                    self._finish(FIRST_COMPLETED)
            finally:
                self._finish()
        if self._unforeseen:
            raise self._unforeseen[0]

    def _begin(self, queue: deque[T], threads: ThreadPoolExecutor) -> None:
        while queue and len(self._running) < self.parallel and self._failures < FAILURES_IN_A_ROW:
            tokens = self.most_tokens(queue[0])
            if not self.budget.take(tokens):
                return
            thing = queue.popleft()
            self._running[threads.submit(self.work, thing)] = thing, tokens

    def _finish(self, return_when: str = "ALL_COMPLETED") -> None:
        for future in wait(self._running, return_when=return_when).done:
            thing, tokens = self._running.pop(future)
            try:
                cost = self.keep(thing, future.result())
            except ModelError as error:
                self.budget.settle(tokens, None)
                self._failures += 1
                self.fail(thing, error)
            except Exception as error:  # noqa: BLE001  # what else is under way was paid for, and is kept first
                self.budget.settle(tokens, None)
                self._unforeseen.append(error)
            else:
                self.budget.settle(tokens, cost)
                self._failures = 0
