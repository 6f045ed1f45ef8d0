"""Prompts whose log-probabilities somebody waits for, worked out a pass at a time on the thread that owns the model."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

from accord.lm.causal import CausalModel
from accord.lm.prompt_logprobs import PromptLogprobs, prompt_logprobs

__all__ = ["PromptScoring"]


class PromptScoring:
    """The prompts of one request. `advance` and `fail` are the worker thread's, `result` the client's event loop's."""

    def __init__(self, causal: CausalModel, prompts: Sequence[tuple[int, ...]], top: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._passes: Iterator[dict[int, PromptLogprobs]] = prompt_logprobs(causal, prompts, top)
        self._found: dict[int, PromptLogprobs] = {}
        self.result: asyncio.Future[list[PromptLogprobs]] = self._loop.create_future()

    def advance(self) -> bool:
        """One pass of the model; whether another is needed. Nobody is worked for who has left."""
        if self.result.done():
            return False
        try:
            self._found |= next(self._passes)
        except StopIteration:
            self._tell([self._found[place] for place in range(len(self._found))])
            return False
        except Exception as error:  # noqa: BLE001  # it is this client's alone, who is told
            self.fail(error)
            return False
        return True

    def fail(self, error: Exception) -> None:
        """Tell the client that nothing comes."""
        self._tell(error)

    def _tell(self, outcome: list[PromptLogprobs] | Exception) -> None:
        with suppress(RuntimeError):  # the loop was closed while the client was being served
            self._loop.call_soon_threadsafe(self._set, outcome)

    def _set(self, outcome: list[PromptLogprobs] | Exception) -> None:
        if self.result.done():
            return
        if isinstance(outcome, Exception):
            self.result.set_exception(outcome)
        else:
            self.result.set_result(outcome)
