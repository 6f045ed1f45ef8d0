"""The HTTP side: routes, the token, errors in the OpenAI shape."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from jinja2 import TemplateError
from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream

from accord.errors import AccordError
from accord.lm.engine import Request as Wanted
from accord.serve.answers import Chat, Plain, Shape, answer, failure, stream
from accord.serve.wire import ApiError, ChatRequest, CompletionRequest, parse
from accord.serve.worker import Worker

__all__ = ["LOOPBACK", "MAX_BODY", "UNLIMITED", "make_app"]

MAX_BODY = 1_000_000
UNLIMITED = 1024  # tokens of a text where a client sets no limit: room for them is made in every slot
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def make_app(worker: Worker, name: str, *, token: str | None) -> Litestar:
    """The endpoint for the model of `worker`, called `name`; clients show `token`, or nothing where it is None.

    Without a token only requests to this machine by one of its own names are served, and none that a page of another
    site has a browser send.
    """
    allowed = _guard(token)

    @get("/health", sync_to_thread=False)
    def health() -> Response[dict[str, str]]:
        return Response({"status": "ok"}) if worker.alive else Response({"status": "stopped"}, status_code=503)

    @get("/v1/models", guards=[allowed], sync_to_thread=False)
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "accord"}]}

    @post("/v1/chat/completions", guards=[allowed], status_code=200)
    async def chat(request: Request[Any, Any, Any]) -> Response[Any]:
        asked: ChatRequest = parse(ChatRequest, await request.body())
        _check_model(asked.model)
        wanted = _wanted(worker, asked, _conversation(worker, asked), "messages", asked.limit, asked.top_logprobs)
        return await _respond(request, Chat(), asked, wanted, logprobs=bool(asked.logprobs))

    @post("/v1/completions", guards=[allowed], status_code=200)
    async def completions(request: Request[Any, Any, Any]) -> Response[Any]:
        asked: CompletionRequest = parse(CompletionRequest, await request.body())
        _check_model(asked.model)
        wanted = [each for prompt in asked.prompts() for each in _continued(worker, asked, prompt)]
        return await _respond(request, Plain(), asked, wanted, logprobs=asked.logprobs is not None)

    def _check_model(asked: str) -> None:
        if asked != name:
            raise ApiError(404, f"model: there is no '{asked}' here; it is '{name}'", field="model")

    async def _respond(
        request: Request[Any, Any, Any],
        shape: Shape,
        asked: ChatRequest | CompletionRequest,
        wanted: Sequence[Wanted],
        *,
        logprobs: bool,
    ) -> Response[Any]:
        if asked.stream:
            events = stream(worker, shape, name, wanted, logprobs=logprobs, usage=asked.wants_usage)
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


def _guard(token: str | None) -> Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]:
    """Refuses who does not show the token, in a time that does not depend on what is shown."""
    expected = None if token is None else f"Bearer {token}".encode()

    def allowed(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if expected is None:
            _check_local(connection)
        elif not secrets.compare_digest(connection.headers.get("authorization", "").encode(), expected):
            raise ApiError(401, "the bearer token is missing or wrong", kind="authentication_error")

    return allowed


def _check_local(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse other names of this machine (DNS rebinding) and pages of other sites, which browsers name as origin."""
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname
    origin = connection.headers.get("origin")
    if host not in LOOPBACK or (origin is not None and urlsplit(origin).hostname not in LOOPBACK):
        raise ApiError(403, "without a token only this machine is served, by its own name", kind="permission_error")


def _wanted(
    worker: Worker,
    asked: ChatRequest | CompletionRequest,
    ids: Sequence[int],
    field: str,
    limit: int | None,
    top: int | None,
) -> list[Wanted]:
    """`n` requests of one prompt, which came in the field `field`. Raises `ApiError` where they cannot be written."""
    room = worker.causal.context - len(ids)
    if limit is None:
        limit = max(1, min(room, UNLIMITED))
    sampling = asked.sampling(limit)
    made = [Wanted(None, tuple(ids), sampling, stream, tuple(asked.stop), top or 0) for stream in range(asked.n)]
    try:
        worker.engine.check(made[0])
    except AccordError as error:
        raise ApiError(400, str(error), field=asked.limited_by if ids and 0 < room < limit else field) from error
    return made


def _continued(worker: Worker, asked: CompletionRequest, prompt: str | tuple[int, ...]) -> list[Wanted]:
    ids = list(worker.causal.tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else list(prompt)
    return _wanted(worker, asked, ids, "prompt", asked.max_tokens, asked.logprobs)


def _conversation(worker: Worker, asked: ChatRequest) -> list[int]:
    """The token ids of a chat. Raises `ApiError` where there is no template, or it refuses the messages."""
    try:
        return worker.causal.encode_prompt(asked.prompt())
    except AccordError as error:
        raise ApiError(400, str(error), field="messages") from error
    except TemplateError as error:
        raise ApiError(400, f"messages: the model's chat template refuses them ({error})", field="messages") from error


async def _unless_gone(request: Request[Any, Any, Any], work: Coroutine[Any, Any, Any]) -> Any:
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


def _unforeseen(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    told = failure(error)
    return Response(told.body(), status_code=told.status)
