"""Answers in the OpenAI format: from tokens as they come to choices, chunks and counts."""

import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from pydantic_core import to_json
from transformers import PreTrainedTokenizerBase

from accord.errors import AccordError
from accord.lm.causal import CausalModel
from accord.lm.engine import Request, Token
from accord.serve.detokenizer import IncrementalText, bytes_of, token_text
from accord.serve.echo import Echo, top_by_text
from accord.serve.requests import ApiError
from accord.serve.worker import Worker

__all__ = [
    "ChatFormat",
    "Choice",
    "CompletionFormat",
    "Delta",
    "Keep",
    "PositionedToken",
    "ResponseFormat",
    "answer",
    "failure",
    "new_name",
    "stream",
]


@dataclass(frozen=True)
class PositionedToken:
    """A token, and the character of the text at which it begins."""

    token: Token
    start: int


@dataclass(frozen=True)
class Delta:
    """What one more token made certain: text, and the tokens that it is made of."""

    text: str
    tokens: list[PositionedToken]


class Choice:
    """One completion as it grows."""

    def __init__(self, causal: CausalModel, request: Request) -> None:
        self._text = IncrementalText(causal.tokenizer, request.prompt, request.sampling.stop or ())
        self._uncertain: list[PositionedToken] = []
        self.tokenizer = causal.tokenizer
        self.tokens: list[PositionedToken] = []
        self.written = 0
        self.end: str | None = None
        self.end_token: Token | None = None  # which has no text
        self.drawn: list[Token] = []  # all of them, those of a stop string and the end too

    @property
    def text(self) -> str:
        """All of it that is certain."""
        return self._text.emitted

    def add(self, token: Token) -> Delta:
        """Take a token. Neither a stop string nor the tokens that made it are given out."""
        self.written += 1
        self.drawn.append(token)
        start = self._text.reached
        text = self._text.add(None if token.end == "eos" else token.token_id, last=token.end is not None)
        if token.end != "eos":
            self._uncertain.append(PositionedToken(token, start))
        else:
            self.end_token = token
        if token.end is not None:
            self.end = "length" if token.end == "length" else "stop"
        complete = self.end is not None and not self._text.cut
        certain = [positioned for positioned in self._uncertain if complete or positioned.start < len(self.text)]
        self._uncertain = self._uncertain[len(certain) :]
        self.tokens += certain
        return Delta(text, certain)

    @property
    def weights(self) -> dict[str, str]:
        """The name of the weights that wrote it, as a field of the answer; none where they have no name."""
        name = self.drawn[-1].weights if self.drawn else ""
        return {"weights": name} if name else {}

    def leave(self) -> None:
        """Nothing is to be written."""
        self.end = "length"


Keep = Callable[[str, Sequence[Choice]], Awaitable[None]]
"""What keeps an answer, by the id that the client is given, before the client has all of it."""


def new_name(form: "ResponseFormat") -> str:
    """An id for an answer, which the client is given."""
    return f"{form.prefix}-{uuid4().hex}"


class ResponseFormat(Protocol):
    """How an endpoint words a choice and a chunk of it."""

    kind: str
    prefix: str

    def whole(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any]:
        """A finished choice, and its place among those of the answer."""
        ...

    def opening(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any] | None:
        """What is said of a choice before its text."""
        ...

    def chunk(self, place: int, choice: Choice, delta: Delta, logprobs: bool) -> dict[str, Any]:
        """What is new of a choice."""
        ...


class ChatFormat:
    """`chat.completion`."""

    kind, prefix = "chat.completion", "chatcmpl"

    def whole(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": choice.text, "refusal": None}
        return {"message": message, "logprobs": _chat_logprobs(choice.tokenizer, choice.tokens) if logprobs else None}

    def opening(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any] | None:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def chunk(self, place: int, choice: Choice, delta: Delta, logprobs: bool) -> dict[str, Any]:
        content = {"content": delta.text} if delta.text else {}
        return {"delta": content, "logprobs": _chat_logprobs(choice.tokenizer, delta.tokens) if logprobs else None}


class CompletionFormat:
    """`text_completion`. Where the prompts are sent back, `echoes` has that of each choice.

    What is told of the tokens then has every token that was read and written, so also the one that ended a text. So it
    has with `ids`, which adds the token ids as they were drawn.
    """

    kind, prefix = "text_completion", "cmpl"

    def __init__(self, echoes: Sequence[Echo] = (), *, ids: bool = False) -> None:
        self._echoes, self._ids = echoes, ids

    def whole(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any]:
        if self._ids:
            return {"text": choice.text, "logprobs": _logprobs_of_drawn(choice), "token_ids": _ids_of(choice)}
        text, told_of = choice.text, self._logprobs(place, choice, choice.tokens) if logprobs else None
        if self._echoes:
            echo = self._echoes[place]
            text = echo.text + text
            if told_of is not None:
                read = echo.logprobs(choice.tokenizer)
                told_of = {field: [*read[field], *written] for field, written in told_of.items()}
        return {"text": text, "logprobs": told_of}

    def opening(self, place: int, choice: Choice, logprobs: bool) -> dict[str, Any] | None:
        if not self._echoes:
            return None
        echo = self._echoes[place]
        return {"text": echo.text, "logprobs": echo.logprobs(choice.tokenizer) if logprobs else None}

    def chunk(self, place: int, choice: Choice, delta: Delta, logprobs: bool) -> dict[str, Any]:
        return {"text": delta.text, "logprobs": self._logprobs(place, choice, delta.tokens) if logprobs else None}

    def _logprobs(self, place: int, choice: Choice, tokens: Sequence[PositionedToken]) -> dict[str, list[Any]]:
        """Of tokens that were written; places count from the beginning of the text that is sent."""
        shift = 0
        if self._echoes:
            shift = len(self._echoes[place].text)
            if choice.end_token is not None:
                tokens = [*tokens, PositionedToken(choice.end_token, len(choice.text))]
        return _completion_logprobs(choice.tokenizer, tokens, shift)


def _ids_of(choice: Choice) -> list[int]:
    return [token.token_id for token in choice.drawn]


def _logprobs_of_drawn(choice: Choice) -> dict[str, list[Any]]:
    """Of every token that was drawn; where their text begins is not told."""
    told = _completion_logprobs(choice.tokenizer, [PositionedToken(token, 0) for token in choice.drawn], 0)
    return {**told, "text_offset": []}


def _chat_logprobs(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[PositionedToken]) -> dict[str, Any]:
    def entry(token_id: int, logprob: float) -> dict[str, Any]:
        token_bytes = bytes_of(tokenizer, token_id)
        return {
            "token": token_text(tokenizer, token_id),
            "logprob": logprob,
            "bytes": None if token_bytes is None else list(token_bytes),
        }

    content = [
        {
            **entry(positioned.token.token_id, positioned.token.logprob),
            "top_logprobs": [entry(*candidate) for candidate in positioned.token.top],
        }
        for positioned in tokens
    ]
    return {"content": content, "refusal": None}


def _completion_logprobs(
    tokenizer: PreTrainedTokenizerBase, tokens: Sequence[PositionedToken], shift: int
) -> dict[str, list[Any]]:
    return {
        "tokens": [token_text(tokenizer, positioned.token.token_id) for positioned in tokens],
        "token_logprobs": [positioned.token.logprob for positioned in tokens],
        "top_logprobs": [top_by_text(tokenizer, positioned.token.top) for positioned in tokens],
        "text_offset": [shift + positioned.start for positioned in tokens],
    }


async def answer(
    worker: Worker,
    form: ResponseFormat,
    model: str,
    requests: Sequence[Request],
    *,
    logprobs: bool,
    written: bool = True,
    name: str | None = None,
    keep: Keep | None = None,
) -> bytes:
    """The whole answer, as JSON, once it is kept; under a new id where it has no `name`.

    Where nothing is to be `written`, it has the prompts alone.
    Raises whatever the engine died of.
    """
    head = _head(name or new_name(form), form.kind, model)
    choices = [Choice(worker.causal, request) for request in requests]
    async with aclosing(_steps(worker, requests, choices, written)) as steps:
        async for tokens in steps:
            await worker.tell(_add, choices, tokens)

    def whole() -> bytes:
        parts = [
            {"index": index, **form.whole(index, choice, logprobs), "finish_reason": choice.end, **choice.weights}
            for index, choice in enumerate(choices)
        ]
        return to_json({**head, "choices": parts, "usage": _usage(requests, choices)})

    if keep is not None:
        await keep(head["id"], choices)
    return await worker.tell(whole)


async def _steps(
    worker: Worker, requests: Sequence[Request], choices: Sequence[Choice], written: bool
) -> AsyncGenerator[list[tuple[int, Token]]]:
    """What is written, as it comes; nothing where nothing is to be."""
    if not written:
        for choice in choices:
            choice.leave()
        return
    async with aclosing(worker.write(requests)) as steps:
        async for tokens in steps:
            yield tokens


def _add(choices: Sequence[Choice], tokens: Sequence[tuple[int, Token]]) -> None:
    for index, token in tokens:
        choices[index].add(token)


async def stream(
    worker: Worker,
    form: ResponseFormat,
    model: str,
    requests: Sequence[Request],
    *,
    logprobs: bool,
    usage: bool,
    written: bool = True,
    name: str | None = None,
    keep: Keep | None = None,
) -> AsyncIterator[str]:
    """The answer as server-sent events, kept before the last. A failure on the way is an event of its own, the last."""
    choices = [Choice(worker.causal, request) for request in requests]
    head = _head(name or new_name(form), f"{form.kind}.chunk" if form.kind.startswith("chat") else form.kind, model)
    counts: dict[str, Any] = {"usage": None} if usage else {}

    def event(part: list[dict[str, Any]], **fields: Any) -> str:
        return f"data: {json.dumps({**head, 'choices': part, **counts, **fields})}\n\n"

    for index, choice in enumerate(choices):
        if (opening := form.opening(index, choice, logprobs)) is not None:
            yield event([{"index": index, **opening, "finish_reason": None if written else "length"}])

    def events(tokens: Sequence[tuple[int, Token]]) -> str:
        parts = []
        for index, token in tokens:
            choice = choices[index]
            delta = choice.add(token)
            if delta.text or choice.end or (logprobs and delta.tokens):
                part = {"index": index, **form.chunk(index, choice, delta, logprobs), "finish_reason": choice.end}
                parts.append(event([{**part, **choice.weights}]))
        return "".join(parts)

    try:
        async with aclosing(_steps(worker, requests, choices, written)) as steps:
            async for tokens in steps:
                if lines := await worker.tell(events, tokens):
                    yield lines
        if keep is not None:
            await keep(head["id"], choices)
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


def _head(name: str, kind: str, model: str) -> dict[str, Any]:
    return {"id": name, "object": kind, "created": int(time.time()), "model": model}


def _is_first(request: Request) -> bool:
    """Whether it is the first of the texts of its prompt."""
    return (request.stream[-1] if isinstance(request.stream, tuple) else request.stream) == 0


def _usage(requests: Sequence[Request], choices: Sequence[Choice]) -> dict[str, int]:
    """Tokens read and written; a prompt counts once for all its texts."""
    prompt = sum(len(request.prompt) for request in requests if _is_first(request))
    written = sum(choice.written for choice in choices)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
