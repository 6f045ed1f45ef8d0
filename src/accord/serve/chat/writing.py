"""An answer while it is written, in a task of its own: whoever watches may come, go and come back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Literal

from accord.lm.engine import Request, Token
from accord.records import FinishReason, Sampling
from accord.serve.chat.speakers import Speaker
from accord.serve.responses import Choice

__all__ = ["Answer", "changes"]

State = Literal["writing", "whole", "stopped", "failed"]
AWAKE = 15.0  # seconds after which a connection on which nothing happens is shown to be there
log = logging.getLogger("accord.chat")


class Answer:
    """A text that a speaker writes. `start` within a running event loop.

    text           what is certain of it so far
    state          writing; whole; stopped by whoever asked; failed, of which the log has the reason
    finish_reason  of a whole text, why it ended
    """

    def __init__(self, speaker: Speaker, sampling: Sampling) -> None:
        self.speaker, self.sampling = speaker, sampling
        self.text = ""
        self.state: State = "writing"
        self.finish_reason: FinishReason | None = None
        self.ended_at: float | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def news(self) -> asyncio.Event:
        """Set at the next change. Take it before reading what there is."""
        return self._news

    def start(self, request: Request) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._write(request))
        self._task.add_done_callback(self._end)

    async def stop(self) -> None:
        """End it here; what is there stays. Nothing happens to one that has ended."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        await asyncio.sleep(0)  # its end is told by then

    async def _write(self, request: Request) -> None:
        worker = self.speaker.worker
        choice = Choice(worker.causal, request)
        async with aclosing(worker.write([request])) as steps:
            async for tokens in steps:
                await worker.tell(_add, choice, tokens)
                self.text = choice.text
                self.finish_reason = tokens[-1][1].end
                self._tell()

    def _end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self.state = "stopped"
        elif (error := task.exception()) is not None:
            self.state = "failed"
            log.error("%s failed while it wrote", self.speaker.name, exc_info=error)
        else:
            self.state = "whole"
        self.ended_at = asyncio.get_running_loop().time()
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _add(choice: Choice, tokens: Sequence[tuple[int, Token]]) -> None:
    for _, token in tokens:
        choice.add(token)


async def changes(answers: Sequence[Answer]) -> AsyncIterator[list[tuple[int, str]]]:
    """What is new of each answer, by its place, from its beginning on until all have ended. Empty now and then."""
    told = [0] * len(answers)
    while True:
        waiting = [answer.news for answer in answers]
        writing = any(answer.state == "writing" for answer in answers)
        new = [(place, answer.text[told[place] :]) for place, answer in enumerate(answers)]
        told = [len(answer.text) for answer in answers]
        if some := [(place, text) for place, text in new if text]:
            yield some
        elif not writing:
            return
        else:
            events = [asyncio.ensure_future(event.wait()) for event in waiting]
            try:
                done, _ = await asyncio.wait(events, timeout=AWAKE, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for event in events:
                    event.cancel()
            if not done:
                yield []
