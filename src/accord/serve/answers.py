"""Answers in the OpenAI format: from tokens as they come to choices, chunks and counts."""

import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from transformers import PreTrainedTokenizerBase

from accord.errors import AccordError
from accord.lm.causal import CausalModel
from accord.lm.engine import Request, Token
from accord.serve.text import GrowingText, bytes_of, spelt
from accord.serve.wire import ApiError
from accord.serve.worker import Worker

__all__ = ["Chat", "Choice", "Piece", "Placed", "Plain", "Shape", "answer", "failure", "stream"]


@dataclass(frozen=True)
class Placed:
    """A token, and the character of the text at which it begins."""

    token: Token
    start: int


@dataclass(frozen=True)
class Piece:
    """What one more token made certain: text, and the tokens that it is made of."""

    text: str
    tokens: list[Placed]


class Choice:
    """One completion as it grows."""

    def __init__(self, causal: CausalModel, request: Request) -> None:
        self._text = GrowingText(causal.tokenizer, request.stop)
        self._held: list[Placed] = []
        self.tokenizer = causal.tokenizer
        self.told: list[Placed] = []
        self.written = 0
        self.end: str | None = None

    @property
    def text(self) -> str:
        """All of it that is certain."""
        return self._text.given

    def add(self, token: Token) -> Piece:
        """Take a token. Those that made a stop string are told as little as its text."""
        self.written += 1
        start = self._text.reached
        text = self._text.add(token.token_id, last=token.end is not None)
        if token.end != "eos":
            self._held.append(Placed(token, start))
        if token.end is not None:
            self.end = "length" if token.end == "length" else "stop"
        whole = self.end is not None and not self._text.cut
        certain = [each for each in self._held if whole or each.start < len(self.text)]
        self._held = self._held[len(certain) :]
        self.told += certain
        return Piece(text, certain)


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

    def chunk(self, choice: Choice, piece: Piece, logprobs: bool) -> dict[str, Any]:
        """A piece of a choice."""
        ...


class Chat:
    """`chat.completion`."""

    kind, prefix = "chat.completion", "chatcmpl"

    def whole(self, choice: Choice, logprobs: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": choice.text, "refusal": None}
        return {"message": message, "logprobs": _chat_logprobs(choice.tokenizer, choice.told) if logprobs else None}

    def opening(self) -> dict[str, Any] | None:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def chunk(self, choice: Choice, piece: Piece, logprobs: bool) -> dict[str, Any]:
        delta = {"content": piece.text} if piece.text else {}
        return {"delta": delta, "logprobs": _chat_logprobs(choice.tokenizer, piece.tokens) if logprobs else None}


class Plain:
    """`text_completion`."""

    kind, prefix = "text_completion", "cmpl"

    def whole(self, choice: Choice, logprobs: bool) -> dict[str, Any]:
        return {"text": choice.text, "logprobs": _plain_logprobs(choice.tokenizer, choice.told) if logprobs else None}

    def opening(self) -> dict[str, Any] | None:
        return None

    def chunk(self, choice: Choice, piece: Piece, logprobs: bool) -> dict[str, Any]:
        return {"text": piece.text, "logprobs": _plain_logprobs(choice.tokenizer, piece.tokens) if logprobs else None}


def _chat_logprobs(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[Placed]) -> dict[str, Any]:
    def entry(token_id: int, logprob: float) -> dict[str, Any]:
        found = bytes_of(tokenizer, token_id)
        return {
            "token": spelt(tokenizer, token_id),
            "logprob": logprob,
            "bytes": None if found is None else list(found),
        }

    content = [
        {
            **entry(each.token.token_id, each.token.logprob),
            "top_logprobs": [entry(*likely) for likely in each.token.top],
        }
        for each in tokens
    ]
    return {"content": content, "refusal": None}


def _plain_logprobs(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[Placed]) -> dict[str, Any]:
    return {
        "tokens": [spelt(tokenizer, each.token.token_id) for each in tokens],
        "token_logprobs": [each.token.logprob for each in tokens],
        "top_logprobs": [{spelt(tokenizer, likely): logprob for likely, logprob in each.token.top} for each in tokens],
        "text_offset": [each.start for each in tokens],
    }


async def answer(
    worker: Worker, shape: Shape, model: str, requests: Sequence[Request], *, logprobs: bool
) -> dict[str, Any]:
    """The whole answer. Raises whatever the engine died of."""
    choices = [Choice(worker.causal, request) for request in requests]
    async with aclosing(worker.write(requests)) as tokens:
        async for place, token in tokens:
            choices[place].add(token)
    return {
        **_head(shape, shape.kind, model),
        "choices": [
            {"index": index, **shape.whole(choice, logprobs), "finish_reason": choice.end}
            for index, choice in enumerate(choices)
        ],
        "usage": _usage(requests, choices),
    }


async def stream(
    worker: Worker, shape: Shape, model: str, requests: Sequence[Request], *, logprobs: bool, usage: bool
) -> AsyncIterator[str]:
    """The answer as server-sent events. A failure on the way is an event of its own, the last."""
    choices = [Choice(worker.causal, request) for request in requests]
    head = _head(shape, f"{shape.kind}.chunk" if shape.kind.startswith("chat") else shape.kind, model)
    counts: dict[str, Any] = {"usage": None} if usage else {}

    def event(part: list[dict[str, Any]], **more: Any) -> str:
        return f"data: {json.dumps({**head, 'choices': part, **counts, **more})}\n\n"

    if (opening := shape.opening()) is not None:
        for index in range(len(choices)):
            yield event([{"index": index, **opening, "finish_reason": None}])
    try:
        async with aclosing(worker.write(requests)) as tokens:
            async for place, token in tokens:
                choice = choices[place]
                piece = choice.add(token)
                if piece.text or choice.end or (logprobs and piece.tokens):
                    part = {"index": place, **shape.chunk(choice, piece, logprobs), "finish_reason": choice.end}
                    yield event([part])
    except Exception as error:  # noqa: BLE001  # the headers are gone: the client is told in the stream
        yield f"data: {json.dumps(failure(error).body())}\n\n"
        return
    if usage:
        yield event([], usage=_usage(requests, choices))
    yield "data: [DONE]\n\n"


def failure(error: Exception) -> ApiError:
    """What a client is told of a failure on this side: accord's own words, or that the output has them."""
    if isinstance(error, AccordError):
        return ApiError(500, str(error), kind="server_error")
    logging.getLogger("accord").error("a request failed", exc_info=error)
    return ApiError(500, "the server failed; its output says why", kind="server_error")


def _head(shape: Shape, kind: str, model: str) -> dict[str, Any]:
    return {"id": f"{shape.prefix}-{uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _usage(requests: Sequence[Request], choices: Sequence[Choice]) -> dict[str, int]:
    """Tokens read and written; a prompt counts once for all its texts."""
    prompt = sum(len(request.prompt) for request in requests if request.stream == 0)
    written = sum(choice.written for choice in choices)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
