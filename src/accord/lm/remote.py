"""A model behind an OpenAI-compatible endpoint as a writer, or to talk to: `accord serve`, vLLM, or a provider's.

Requests that fail for a while are sent again (`accord.lm.endpoint`).
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from accord.errors import EndpointError
from accord.interfaces import Reply
from accord.lm.chat_messages import endpoint_message
from accord.lm.endpoint import Endpoint
from accord.records import Completion, FinishReason, Prompt, Sampling, Usage

__all__ = ["EndpointWriter"]

CHAT = "/chat/completions"
MAX_TOKENS = 10**9  # that one request can be said to have cost


@dataclass(frozen=True)
class EndpointWriter:
    """A `Writer` at `url`, which ends in `/v1`.

    model     what the endpoint calls the model
    token     shown as bearer token
    timeout   seconds that an answer may take
    retries   how often a request that failed is sent again
    parallel  requests under way at once, so that the endpoint can batch them
    """

    url: str
    model: str
    token: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    retries: int = 2
    parallel: int = 8

    @classmethod
    def find(
        cls, url: str, model: str | None = None, *, timeout: float = 120.0, retries: int = 2, parallel: int = 8
    ) -> "EndpointWriter":
        """The model of this name at an endpoint, else the first that it lists; the token is the environment's
        ACCORD_TOKEN.

        Raises `EndpointError` where the endpoint cannot be reached, lists none, or not this one.
        """
        base = url.rstrip("/")
        base = base if base.endswith("/v1") else f"{base}/v1"
        writer = cls(base, model or "", os.environ.get("ACCORD_TOKEN"), timeout, retries, parallel)
        return writer if model else replace(writer, model=writer._first_model())

    def _first_model(self) -> str:
        try:
            return str(self._endpoint.request("/models", self._endpoint.client.models.list).data[0].id)
        except (AttributeError, IndexError, TypeError) as error:
            raise EndpointError(
                f"{self.place}/models: it lists no model; is this an OpenAI-compatible endpoint?"
            ) from error

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self.model

    @property
    def place(self) -> str:
        """The address without what may be secret in it."""
        return self._endpoint.place

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """`n` completions for each prompt, in the order of the prompts.

        Raises `EndpointError` where the endpoint refuses, cannot be reached, or gives another number of completions.
        """
        with ThreadPoolExecutor(self.parallel) as threads:
            return list(threads.map(lambda prompt: self._completions(prompt, n, sampling), prompts))

    def reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        """One answer, with its tokens where the endpoint counts them: a `Chat`. Raises as `write`."""
        answer = self._answer(prompt, 1, sampling)
        ((text, reason),) = self._texts(answer, 1)
        return Reply(text, _usage(answer), reason)

    @cached_property
    def _endpoint(self) -> Endpoint:
        return Endpoint(self.url, self.token, self.timeout, self.retries)

    def _completions(self, prompt: Prompt, n: int, sampling: Sampling) -> list[Completion]:
        return [
            Completion(prompt=prompt.id, text=text, writer=self.model, sampling=sampling, finish_reason=reason)
            for text, reason in self._texts(self._answer(prompt, n, sampling), n)
        ]

    def _answer(self, prompt: Prompt, n: int, sampling: Sampling) -> Any:
        """What the endpoint answers to a conversation, as it came."""
        from openai import omit

        create = partial(
            self._endpoint.client.chat.completions.create,
            model=self.model,
            messages=[endpoint_message(message) for message in prompt.messages],
            n=n,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            seed=omit if sampling.seed is None else sampling.seed,
            stop=omit if sampling.stop is None else list(sampling.stop),
            extra_body={"top_k": sampling.top_k} if sampling.top_k else None,
        )
        return self._endpoint.request(CHAT, create)

    def _texts(self, answer: Any, n: int) -> list[tuple[str, FinishReason | None]]:
        """The texts of an answer, each with why it ended. Raises `EndpointError` where they are not `n` texts."""
        try:
            written = [(choice.message.content or "", _ending(choice.finish_reason)) for choice in answer.choices]
        except (AttributeError, TypeError) as error:
            raise EndpointError(f"{self.place}{CHAT}: its answer has no message where one belongs") from error
        if len(written) != n:
            raise EndpointError(f"{self.place}{CHAT}: it gave {len(written)} completions where {n} were asked for")
        if not all(isinstance(text, str) for text, _ in written):
            raise EndpointError(f"{self.place}{CHAT}: its answer has no text where one belongs")
        return written


def _ending(reason: str | None) -> FinishReason | None:
    """Why a text ended; None where the endpoint does not say, or says something else. A stop string ends it too."""
    return {"stop": "eos", "length": "length"}.get(reason or "")  # type: ignore[return-value]  # the two are reasons


def _usage(answer: Any) -> Usage | None:
    """The tokens that an endpoint says it read and wrote; None where it does not say, or says what none can be."""
    usage = getattr(answer, "usage", None)
    counts = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    match counts:
        case (int(read), int(written)) if all(type(count) is int and 0 <= count <= MAX_TOKENS for count in counts):
            return Usage(input_tokens=read, output_tokens=written)
        case _:
            return None
