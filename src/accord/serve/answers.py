"""Answers in the OpenAI format: from tokens as they come to choices, chunks and counts."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol
from uuid import uuid4

from accord.errors import AccordError
from accord.lm.causal import CausalModel
from accord.lm.engine import Request, Token
from accord.serve.text import GrowingText
from accord.serve.wire import ApiError
from accord.serve.worker import Worker

__all__ = ["Chat", "Choice", "Plain", "Shape", "answer", "stream"]


class Choice:
    """One completion as it grows."""

    def __init__(self, causal: CausalModel, request: Request) -> None:
        self._text = GrowingText(causal.tokenizer, request.stop)
        self._tokenizer = causal.tokenizer
        self._eos = causal.eos_id
        self.prompt_tokens = len(request.prompt)
        self.tokens: list[Token] = []
        self.end: str | None = None

    @property
    def text(self) -> str:
        """All of it that is certain."""
        return self._text.given

    def add(self, token: Token) -> str:
        """Take a token; returns the text that it made certain."""
        self.tokens.append(token)
        if token.end is not None:
            self.end = "length" if token.end == "length" else "stop"
        return self._text.add(token.token_id, last=token.end is not None)

    def spelt(self, token_id: int) -> str:
        """The text of one token."""
        return str(self._tokenizer.decode([token_id]))

    def written(self, first: int = 0) -> list[Token]:
        """The tokens from the `first` on, without the one that ends the text."""
        return [token for token in self.tokens[first:] if token.token_id != self._eos]


class Shape(Protocol):
    """How an endpoint words a choice and a chunk of it."""

    kind: str
    prefix: str

    def whole(self, choice: Choice, logprobs: bool) -> dict[str, Any]:
        """A finished choice."""
        ...

    def opening(self) -> dict[str, Any] | None:
        """What is said of a choice before its text."""
        ...

    def chunk(self, choice: Choice, text: str, logprobs: bool) -> dict[str, Any]:
        """A piece of a choice, ending with its last token."""
        ...


class Chat:
    """`chat.completion`."""

    kind, prefix = "chat.completion", "chatcmpl"

    def whole(self, choice: Choice, logprobs: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": choice.text, "refusal": None}
        return {"message": message, "logprobs": self._logprobs(choice, 0) if logprobs else None}

    def opening(self) -> dict[str, Any] | None:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def chunk(self, choice: Choice, text: str, logprobs: bool) -> dict[str, Any]:
        delta = {"content": text} if text else {}
        return {"delta": delta, "logprobs": self._logprobs(choice, len(choice.tokens) - 1) if logprobs else None}

    @staticmethod
    def _logprobs(choice: Choice, first: int) -> dict[str, Any]:
        def entry(token_id: int, logprob: float) -> dict[str, Any]:
            text = choice.spelt(token_id)
            return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

        content = [
            {**entry(token.token_id, token.logprob), "top_logprobs": [entry(*each) for each in token.top]}
            for token in choice.written(first)
        ]
        return {"content": content, "refusal": None}


class Plain:
    """`text_completion`."""

    kind, prefix = "text_completion", "cmpl"

    def whole(self, choice: Choice, logprobs: bool) -> dict[str, Any]:
        return {"text": choice.text, "logprobs": self._logprobs(choice, 0) if logprobs else None}

    def opening(self) -> dict[str, Any] | None:
        return None

    def chunk(self, choice: Choice, text: str, logprobs: bool) -> dict[str, Any]:
        return {"text": text, "logprobs": self._logprobs(choice, len(choice.tokens) - 1) if logprobs else None}

    @staticmethod
    def _logprobs(choice: Choice, first: int) -> dict[str, Any]:
        texts = [choice.spelt(token.token_id) for token in choice.written()]
        offsets = [sum(map(len, texts[:place])) for place in range(len(texts))]
        tokens = choice.written(first)
        start = len(texts) - len(tokens)
        return {
            "tokens": texts[start:],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{choice.spelt(each): logprob for each, logprob in token.top} for token in tokens],
            "text_offset": offsets[start:],
        }


async def answer(
    worker: Worker, shape: Shape, model: str, requests: Sequence[Request], *, logprobs: bool
) -> dict[str, Any]:
    """The whole answer. Raises `ApiError` where a request cannot be written."""
    choices = [Choice(worker.causal, request) for request in requests]
    try:
        async for place, token in worker.write(requests):
            choices[place].add(token)
    except AccordError as error:
        raise ApiError(400, str(error)) from error
    return {
        **_head(shape, shape.kind, model),
        "choices": [
            {"index": index, **shape.whole(choice, logprobs), "finish_reason": choice.end}
            for index, choice in enumerate(choices)
        ],
        "usage": _usage(choices),
    }


async def stream(
    worker: Worker, shape: Shape, model: str, requests: Sequence[Request], *, logprobs: bool, usage: bool
) -> AsyncIterator[str]:
    """The answer as server-sent events. A failure on the way is an event of its own, the last."""
    choices = [Choice(worker.causal, request) for request in requests]
    head = _head(shape, f"{shape.kind}.chunk" if shape.kind.startswith("chat") else shape.kind, model)

    def event(part: list[dict[str, Any]], **more: Any) -> str:
        return f"data: {json.dumps({**head, 'choices': part, **more})}\n\n"

    if (opening := shape.opening()) is not None:
        for index in range(len(choices)):
            yield event([{"index": index, **opening, "finish_reason": None}])
    try:
        async for place, token in worker.write(requests):
            choice = choices[place]
            text = choice.add(token)
            if text or logprobs or choice.end:
                part = {"index": place, **shape.chunk(choice, text, logprobs), "finish_reason": choice.end}
                yield event([part])
    except Exception as error:  # noqa: BLE001  # the headers are gone: the client is told in the stream
        said = str(error) if isinstance(error, AccordError) else "the engine failed; see the server's output"
        yield f"data: {json.dumps(ApiError(500, said, kind='server_error').body())}\n\n"
        return
    if usage:
        yield event([], usage=_usage(choices))
    yield "data: [DONE]\n\n"


def _head(shape: Shape, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"{shape.prefix}-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _usage(choices: Sequence[Choice]) -> dict[str, int]:
    prompt, written = choices[0].prompt_tokens, sum(len(choice.tokens) for choice in choices)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
