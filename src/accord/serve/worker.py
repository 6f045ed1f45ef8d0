"""One thread that owns the engine: requests of all clients are written together, tokens go back as they come."""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Request, Token

__all__ = ["Worker"]

Deliver = Callable[[Token | Exception], None]
ENDED = "the engine has stopped; start the server again"


class Worker:
    """Steps the engine while anything is to be written. `start` before use, `stop` at the end."""

    def __init__(self, causal: CausalModel, *, slots: int = 32) -> None:
        self.causal = causal
        self.engine = Engine(causal, slots=slots)
        self._numbers = itertools.count()
        self._inbox: deque[tuple[Request, Deliver] | int] = deque()
        self._deliver: dict[int, Deliver] = {}
        self._wake = threading.Condition()
        self._stopping = self._ended = False
        self._thread = threading.Thread(target=self._run, name="accord-engine", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether requests are still taken."""
        return not self._ended

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; whoever still waits is told."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    async def write(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Token]]:
        """The tokens of some requests as they come, each with the place of its request; then it ends.

        Leaving early cancels what is not finished. Raises `ModelError` where a request cannot be written or the thread
        has ended, and whatever the engine died of.
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
            if self._ended:
                raise ModelError(ENDED)
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
        try:
            while self._turn():
                pass
        except Exception:
            logging.getLogger("accord").exception("the engine could not be cleared after a failure")
        finally:
            with self._wake:
                self._ended = True
                self._register()
            self._tell(ModelError(ENDED))

    def _turn(self) -> bool:
        """Take what has come, and a step; whether to go on. What fails is told to every client that waits."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopping or self._inbox or self.engine.busy)
            if self._stopping:
                return False
            requests, cancelled = self._register()
        try:
            for key in cancelled:
                self.engine.cancel(key)
            for request in requests:
                self.engine.submit(request)
            for token in self.engine.step():
                assert isinstance(token.key, int)
                deliver = self._deliver.pop(token.key) if token.end is not None else self._deliver[token.key]
                deliver(token)
        except Exception as error:
            logging.getLogger("accord").exception("the engine failed")
            for key in self._tell(error):
                self.engine.cancel(key)
        return True

    def _register(self) -> tuple[list[Request], list[int]]:
        """Empty the inbox: new requests, whose clients are known from now on, and keys nobody waits for any more."""
        requests: dict[int, Request] = {}
        cancelled = []
        for item in self._inbox:
            if isinstance(item, int):
                self._deliver.pop(item, None)
                if requests.pop(item, None) is None:
                    cancelled.append(item)
            else:
                request, deliver = item
                assert isinstance(request.key, int)
                requests[request.key], self._deliver[request.key] = request, deliver
        self._inbox.clear()
        return list(requests.values()), cancelled

    def _tell(self, error: Exception) -> list[int]:
        """Give an error to every client that waits; the keys of their requests."""
        waiting, self._deliver = self._deliver, {}
        for deliver in waiting.values():
            deliver(error)
        return list(waiting)
