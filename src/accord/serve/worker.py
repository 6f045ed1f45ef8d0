"""One thread that owns the engine: requests of all clients are written together, tokens go back as they come."""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Failure, Request, Token
from accord.lm.prompt_logprobs import PromptLogprobs
from accord.lm.weight_files import replace_weights
from accord.serve.prompt_scoring import PromptScoring

__all__ = ["Worker"]

R = TypeVar("R")
ENDED = "the engine has stopped; start the server again"
MAX_BEHIND = 1000  # steps whose tokens wait for a client that does not read
TOO_SLOW = "the client reads more slowly than the model writes"


@dataclass(frozen=True, eq=False)
class _Client:
    """Somebody who waits for tokens: those of one step come together, in the client's own event loop."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[list[Token] | Exception] = field(default_factory=asyncio.Queue)

    def deliver(self, item: list[Token] | Exception) -> None:
        with suppress(RuntimeError):  # the loop was closed while the client was being served
            self.loop.call_soon_threadsafe(self._put, item)

    def _put(self, item: list[Token] | Exception) -> None:
        if self.queue.qsize() < MAX_BEHIND or isinstance(item, Exception):
            self.queue.put_nowait(item)
        elif self.queue.qsize() == MAX_BEHIND:
            self.queue.put_nowait(ModelError(TOO_SLOW))


@dataclass(frozen=True)
class _NewWeights:
    """A file of weights, what they are called, and who waits for them to be in place."""

    path: Path
    name: str
    done: Future[None] = field(default_factory=Future)


class Worker:
    """Steps the engine while anything is to be written. `start` before use, `stop` at the end.

    `weights` names those that the model has at first, where they may be replaced by others.
    """

    def __init__(self, causal: CausalModel, *, slots: int = 32, weights: str = "") -> None:
        self.causal, self._slots = causal, slots
        self.engine = Engine(causal, slots=slots, weights=weights)
        self._held: list[Request] = []  # until new weights are in place
        self._new_weights: deque[_NewWeights] = deque()
        self._numbers = itertools.count()
        self._inbox: deque[tuple[Request, _Client] | int] = deque()
        self._clients: dict[int, _Client] = {}
        self._scorings: deque[PromptScoring] = deque()
        self._wake = threading.Condition()
        self._stopping = self._ended = False
        self._thread = threading.Thread(target=self._run, name="accord-engine", daemon=True)
        self._reading = ThreadPoolExecutor(1, "accord-reading")  # a tokenizer reads one text at a time
        self._telling = ThreadPoolExecutor(2, "accord-telling")

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
        self._reading.shutdown(cancel_futures=True)
        self._telling.shutdown(cancel_futures=True)

    async def read(self, function: Callable[..., R], *arguments: Any) -> R:
        """What `function` makes of a request, in a thread for it: however long the text is, nobody else waits."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, function, *arguments)

    async def tell(self, function: Callable[..., R], *arguments: Any) -> R:
        """What `function` makes of tokens, in threads for it."""
        return await asyncio.get_running_loop().run_in_executor(self._telling, function, *arguments)

    async def write(self, requests: Sequence[Request]) -> AsyncGenerator[list[tuple[int, Token]]]:
        """The tokens of some requests as they come, those of a step together, each with the place of its request.

        They are one owner's, who shares the slots with others. Leaving early cancels what is not finished. Raises
        `ModelError` where a request cannot be written, the client reads too slowly or the thread has ended, and
        whatever the engine died of.
        """
        for request in requests:
            self.engine.check(request)
        client = _Client(asyncio.get_running_loop())
        open_keys = {next(self._numbers): place for place in range(len(requests))}
        with self._wake:
            if self._ended:
                raise ModelError(ENDED)
            for key, place in open_keys.items():
                self._inbox.append((replace(requests[place], key=key, owner=client), client))
            self._wake.notify()
        try:
            while open_keys:
                item = await client.queue.get()
                if isinstance(item, Exception):
                    raise item
                yield [_placed(open_keys, token) for token in item]
        finally:
            with self._wake:
                self._inbox.extend(open_keys)
                self._wake.notify()

    async def score(self, prompts: Sequence[tuple[int, ...]], top: int) -> list[PromptLogprobs]:
        """The log-probabilities of the tokens of each prompt, and the `top` likeliest; texts go on between passes.

        Leaving early cancels what is not finished. Raises `ModelError` as `lm.prompt_logprobs` does, and where the
        thread has ended.
        """
        scoring = PromptScoring(self.causal, prompts, top)
        with self._wake:
            if self._ended:
                raise ModelError(ENDED)
            self._scorings.append(scoring)
            self._wake.notify()
        return await scoring.result

    async def replace_weights(self, path: Path, name: str) -> None:
        """Put the weights of a file in the place of the model's, under a name, when nothing is being written.

        What is asked for meanwhile waits for them. Raises `ModelError` where they are not of this model, which keeps
        its own then, or the thread has ended.
        """
        new = _NewWeights(path, name)
        with self._wake:
            if self._ended:
                raise ModelError(ENDED)
            self._new_weights.append(new)
            self._wake.notify()
        await asyncio.wrap_future(new.done)

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
            for new in self._new_weights:
                new.done.set_exception(ModelError(ENDED))
            for scoring in self._scorings:
                scoring.fail(ModelError(ENDED))

    def _turn(self) -> bool:
        """Take what has come, and a step; whether to go on. What fails is told to every client that waits."""
        with self._wake:
            self._wake.wait_for(self._has_work)
            if self._stopping:
                return False
            requests, cancelled = self._register()
            self._held = [request for request in self._held if request.key not in cancelled] + requests
            scoring = self._scorings.popleft() if self._scorings else None
        if scoring is not None and scoring.advance():
            self._scorings.append(scoring)
        try:
            for key in cancelled:
                self.engine.cancel(key)
            if self._new_weights and not self.engine.busy:
                self._put_weights(self._new_weights.popleft())
            while self._held and not self._new_weights:
                self.engine.submit(self._held.pop(0))
            self._hand_out(self.engine.step())
        except Exception as error:
            logging.getLogger("accord").exception("the engine failed")
            self._held.clear()
            for key in self._tell(error):
                self.engine.cancel(key)
        return True

    def _has_work(self) -> bool:
        return bool(self._stopping or self._inbox or self._scorings or self._new_weights or self.engine.busy)

    def _put_weights(self, new: _NewWeights) -> None:
        """Replace the weights of an engine that is idle, and the engine."""
        try:
            replace_weights(self.causal, new.path)
            self.engine = Engine(self.causal, slots=self._slots, weights=new.name)
        except Exception as error:  # noqa: BLE001  # whoever handed them over is told
            new.done.set_exception(error)
        else:
            new.done.set_result(None)

    def _hand_out(self, step: Sequence[Token | Failure]) -> None:
        """Give every client its tokens of a step. A request that failed is told to whoever asked."""
        tokens: dict[_Client, list[Token]] = {}
        for out in step:
            assert isinstance(out.key, int)
            if isinstance(out, Failure):
                self._clients.pop(out.key).deliver(out.error)
                continue
            client = self._clients[out.key] if out.end is None else self._clients.pop(out.key)
            tokens.setdefault(client, []).append(out)
        for client, together in tokens.items():
            client.deliver(together)

    def _register(self) -> tuple[list[Request], list[int]]:
        """Empty the inbox: new requests, whose clients are known from now on, and keys nobody waits for any more."""
        requests: dict[int, Request] = {}
        cancelled = []
        for item in self._inbox:
            if isinstance(item, int):
                self._clients.pop(item, None)
                if requests.pop(item, None) is None:
                    cancelled.append(item)
            else:
                request, client = item
                assert isinstance(request.key, int)
                requests[request.key], self._clients[request.key] = request, client
        self._inbox.clear()
        return list(requests.values()), cancelled

    def _tell(self, error: Exception) -> list[int]:
        """Give an error to every client that waits; the keys of their requests."""
        waiting, self._clients = self._clients, {}
        for client in waiting.values():
            client.deliver(error)
        return list(waiting)


def _placed(open_keys: dict[int, int], token: Token) -> tuple[int, Token]:
    """A token with the place of its request, which is done with where the token is the last."""
    assert isinstance(token.key, int)
    return (open_keys[token.key] if token.end is None else open_keys.pop(token.key)), token
