"""One thread that owns the engine: requests of all clients are written together, tokens go back as they come."""

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Request, Token

__all__ = ["Worker"]

Deliver = Callable[[Token | Exception], None]


class Worker:
    """Steps the engine while anything is to be written. `start` before use, `stop` at the end."""

    def __init__(self, causal: CausalModel, *, slots: int = 32) -> None:
        self.causal = causal
        self.engine = Engine(causal, slots=slots)
        self._numbers = itertools.count()
        self._inbox: deque[tuple[Request, Deliver] | int] = deque()
        self._deliver: dict[int, Deliver] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="accord-engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; whoever still waits is told."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    async def write(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Token]]:
        """The tokens of some requests as they come, each with the place of its request; then it ends.

        Leaving early cancels what is not finished. Raises `ModelError` where a request cannot be written, and
        whatever the engine died of.
        """
        for request in requests:
            self.engine.check(request)
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Token | Exception] = asyncio.Queue()

        def deliver(item: Token | Exception) -> None:
            with suppress(RuntimeError):  # the loop was closed while the client was being served
                loop.call_soon_threadsafe(queue.put_nowait, item)

        open_keys = {next(self._numbers): place for place in range(len(requests))}
        with self._wake:
            for key, place in open_keys.items():
                self._inbox.append((replace(requests[place], key=key), deliver))
            self._wake.notify()
        try:
            while open_keys:
                item = await queue.get()
                if isinstance(item, Exception):
                    raise item
                assert isinstance(item.key, int)
                place = open_keys[item.key]
                if item.end is not None:
                    del open_keys[item.key]
                yield place, item
        finally:
            with self._wake:
                self._inbox.extend(open_keys)
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._inbox or self.engine.busy)
                if self._stopping:
                    self._fail(ModelError("the server is shutting down"))
                    return
                letters = list(self._inbox)
                self._inbox.clear()
            try:
                for letter in letters:
                    self._take(letter)
                for token in self.engine.step():
                    assert isinstance(token.key, int)
                    deliver = self._deliver.pop(token.key) if token.end is not None else self._deliver[token.key]
                    deliver(token)
            except Exception as error:  # noqa: BLE001  # every waiting client is told, whatever it was
                self._fail(error)

    def _take(self, letter: tuple[Request, Deliver] | int) -> None:
        """A new request, or the key of one that nobody waits for any more."""
        if isinstance(letter, int):
            self.engine.cancel(letter)
            self._deliver.pop(letter, None)
            return
        request, deliver = letter
        assert isinstance(request.key, int)
        self._deliver[request.key] = deliver
        self.engine.submit(request)

    def _fail(self, error: Exception) -> None:
        for key, deliver in self._deliver.items():
            deliver(error)
            self.engine.cancel(key)
        self._deliver.clear()
