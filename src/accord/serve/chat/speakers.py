"""A model that is talked to."""

from dataclasses import dataclass

from jinja2 import TemplateError

from accord.errors import AccordError, FormError
from accord.lm.engine import Request
from accord.records import Prompt, Sampling
from accord.serve.worker import Worker

__all__ = ["Speaker"]

LETTERS_OF_TOKEN = 32  # at most, of a conversation's: a longer text is not read at all


@dataclass(frozen=True)
class Speaker:
    """A model behind a worker, the `name` under which its texts are kept, and the sampling that its run had."""

    worker: Worker
    name: str
    sampling: Sampling

    @property
    def context(self) -> int:
        """Tokens that a conversation and its next answer may have together."""
        return self.worker.causal.context

    async def request(self, prompt: Prompt, sampling: Sampling) -> Request:
        """What is to be written. Raises `FormError` where it does not fit, or the chat template refuses it.

        The message says nothing by which the model could be told from another.
        """
        if sum(len(message.content) for message in prompt.messages) > self.context * LETTERS_OF_TOKEN:
            raise FormError("text", "The conversation is too long for the model; write less, or begin a new one.")
        return await self.worker.read(self._request, prompt, sampling)

    def _request(self, prompt: Prompt, sampling: Sampling) -> Request:
        try:
            request = Request(None, tuple(self.worker.causal.encode_prompt(prompt)), sampling)
        except (AccordError, TemplateError) as error:
            raise FormError("text", "The model's chat template does not take this conversation.") from error
        try:
            self.worker.engine.check(request)
        except AccordError as error:
            raise FormError(
                "text",
                "The conversation and an answer of that length do not fit the model together; ask for fewer tokens, "
                "write less, or begin a new conversation.",
            ) from error
        return request
