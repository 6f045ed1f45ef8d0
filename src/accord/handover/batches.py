"""Requests that come at once are scored together: trainers ask about one text at a time, a model reads many at once.

Scores are independent of what else is in a call (`interfaces.Judge`), so nobody's number depends on who asks beside.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from accord.handover.openrlhf_texts import AskedText

__all__ = ["ScoreBatches"]

Numbers = dict[str, Any]
ScoreTexts = Callable[[Sequence[AskedText]], list[Numbers]]


class ScoreBatches:
    """One task that scores whatever waits, at most `most` texts at a time, in a thread beside the loop."""

    def __init__(self, score: ScoreTexts, *, most: int) -> None:
        self._score, self._most = score, most
        self._waiting: deque[tuple[Sequence[AskedText], asyncio.Future[list[Numbers]]]] = deque()
        self._something = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to score; inside a running loop."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Score no more. Whoever still waits is told that the server ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for _, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()

    async def ask(self, texts: Sequence[AskedText]) -> list[Numbers]:
        """What is told of each text. Raises what scoring them raises, and nothing that others' texts raise."""
        answer: asyncio.Future[list[Numbers]] = asyncio.get_running_loop().create_future()
        self._waiting.append((texts, answer))
        self._something.set()
        return await answer

    async def _work(self) -> None:
        while True:
            await self._something.wait()
            batch = self._next()
            if not self._waiting:
                self._something.clear()
            if batch:
                await self._answer(batch)

    def _next(self) -> list[tuple[Sequence[AskedText], asyncio.Future[list[Numbers]]]]:
        """Whole requests, the oldest first, as long as they fit; one alone may be larger."""
        batch: list[tuple[Sequence[AskedText], asyncio.Future[list[Numbers]]]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0][0]) <= self._most):
            request = self._waiting.popleft()
            if not request[1].done():  # whoever asked may have gone
                batch.append(request)
                size += len(request[0])
        return batch

    async def _answer(self, batch: list[tuple[Sequence[AskedText], asyncio.Future[list[Numbers]]]]) -> None:
        texts = [text for asked, _ in batch for text in asked]
        try:
            told = await asyncio.to_thread(self._score, texts)
        except Exception as error:  # noqa: BLE001  # handed on to whoever asked
            if len(batch) == 1:
                if not batch[0][1].done():
                    batch[0][1].set_exception(error)
                return
            for request in batch:  # so that one bad text is nobody else's
                await self._answer([request])
            return
        at = 0
        for asked, answer in batch:
            if not answer.done():
                answer.set_result(told[at : at + len(asked)])
            at += len(asked)
