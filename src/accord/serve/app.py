"""The HTTP side: routes, the token, errors in the OpenAI shape."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream

from accord.errors import AccordError
from accord.lm.engine import Request as Wanted
from accord.serve.answers import Chat, Plain, Shape, answer, stream
from accord.serve.wire import ApiError, ChatRequest, CompletionRequest, parse
from accord.serve.worker import Worker

__all__ = ["MAX_BODY", "make_app"]

MAX_BODY = 1_000_000
T = TypeVar("T")


def make_app(worker: Worker, name: str, *, token: str | None) -> Litestar:
    """The endpoint for the model of `worker`, called `name`; clients show `token`, or nothing where it is None."""

    def allowed(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        shown = connection.headers.get("authorization", "")
        if token is not None and not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
            raise ApiError(401, "the bearer token is missing or wrong", kind="authentication_error")

    @get("/health", sync_to_thread=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @get("/v1/models", guards=[allowed], sync_to_thread=False)
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "accord"}]}

    @post("/v1/chat/completions", guards=[allowed], status_code=200)
    async def chat(request: Request[Any, Any, Any]) -> Response[Any]:
        asked: ChatRequest = parse(ChatRequest, await request.body())
        ids = _encoded(lambda: worker.causal.encode_prompt(asked.prompt()), "messages")
        wanted = _wanted(worker, asked, ids, asked.limit, asked.top_logprobs or 0)
        return await _respond(request, Chat(), asked, wanted, logprobs=bool(asked.logprobs))

    @post("/v1/completions", guards=[allowed], status_code=200)
    async def completions(request: Request[Any, Any, Any]) -> Response[Any]:
        asked: CompletionRequest = parse(CompletionRequest, await request.body())
        wanted = [each for prompt in asked.prompts() for each in _continued(worker, asked, prompt)]
        return await _respond(request, Plain(), asked, wanted, logprobs=asked.logprobs is not None)

    async def _respond(
        request: Request[Any, Any, Any],
        shape: Shape,
        asked: ChatRequest | CompletionRequest,
        wanted: Sequence[Wanted],
        *,
        logprobs: bool,
    ) -> Response[Any]:
        if asked.model != name:
            raise ApiError(404, f"model: there is no '{asked.model}' here; it is '{name}'", field="model")
        if asked.stream:
            usage = asked.stream_options.include_usage
            events = stream(worker, shape, name, wanted, logprobs=logprobs, usage=usage)
            return Stream(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        made = await _unless_gone(request, answer(worker, shape, name, wanted, logprobs=logprobs))
        return Response(made)

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        worker.start()
        try:
            yield
        finally:
            await asyncio.to_thread(worker.stop)

    return Litestar(
        [health, models, chat, completions],
        lifespan=[running],
        request_max_body_size=MAX_BODY,
        exception_handlers={ApiError: _api_error, HTTPException: _http_error, Exception: _unforeseen},
        openapi_config=None,
    )


def _wanted(
    worker: Worker, asked: ChatRequest | CompletionRequest, ids: list[int], limit: int | None, top: int
) -> list[Wanted]:
    """`n` requests of one prompt. Without a limit the context is one."""
    room = worker.causal.context - len(ids)
    if limit is None:
        limit = max(1, min(room, 1 << 14))
    sampling = asked.sampling(limit)
    made = [Wanted(None, tuple(ids), sampling, stream, tuple(asked.stop), top) for stream in range(asked.n)]
    try:
        worker.engine.check(made[0])
    except AccordError as error:
        raise ApiError(400, str(error), field="max_tokens" if room > 0 and ids else "prompt") from error
    return made


def _continued(worker: Worker, asked: CompletionRequest, prompt: str | tuple[int, ...]) -> list[Wanted]:
    ids = list(worker.causal.tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else list(prompt)
    return _wanted(worker, asked, ids, asked.max_tokens, asked.logprobs or 0)


def _encoded(encode: Any, field: str) -> list[int]:
    try:
        ids: list[int] = encode()
    except AccordError as error:
        raise ApiError(400, str(error), field=field) from error
    return ids


async def _unless_gone(request: Request[Any, Any, Any], work: Any) -> Any:
    """The result of `work`, which is cancelled where the client leaves before it is there."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(499, "the client closed the connection", kind="client_closed")
        return task.result()
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _api_error(_: Request[Any, Any, Any], error: ApiError) -> Response[dict[str, Any]]:
    return Response(error.body(), status_code=error.status)


def _http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    return Response(ApiError(error.status_code, error.detail).body(), status_code=error.status_code)


def _unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """The client learns that something failed; what, is for the server's own output."""
    logging.getLogger("accord").error("%s failed", request.url.path, exc_info=error)
    return _api_error(request, ApiError(500, "the engine failed; see the server's output", kind="server_error"))
