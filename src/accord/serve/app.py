"""The HTTP side: routes, the token, errors in the OpenAI shape."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from typing import Any

from jinja2 import TemplateError
from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream

from accord.errors import AccordError
from accord.lm.engine import Request as EngineRequest
from accord.serve.requests import ApiError, ChatRequest, CompletionRequest, parse
from accord.serve.responses import ChatFormat, CompletionFormat, ResponseFormat, answer, failure, stream
from accord.serve.worker import Worker
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["DEFAULT_MAX_TOKENS", "MAX_BODY", "make_app"]

MAX_BODY = 1_000_000
DEFAULT_MAX_TOKENS = 1024  # tokens of a text where a client sets no limit: room for them is made in every slot


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
        body: ChatRequest = parse(ChatRequest, await request.body())
        _check_model(body.model, name)
        requests = _engine_requests(worker, body, _chat_prompt(worker, body), "messages", body.limit, body.top_logprobs)
        return await _respond(worker, request, ChatFormat(), body, requests, logprobs=bool(body.logprobs))

    @post("/v1/completions", guards=[allowed], status_code=200)
    async def completions(request: Request[Any, Any, Any]) -> Response[Any]:
        body: CompletionRequest = parse(CompletionRequest, await request.body())
        _check_model(body.model, name)
        requests = list(chain.from_iterable(_completion_requests(worker, body, prompt) for prompt in body.prompts()))
        return await _respond(worker, request, CompletionFormat(), body, requests, logprobs=body.logprobs is not None)

    return Litestar(
        [health, models, chat, completions],
        lifespan=[partial(_engine_running, worker)],
        request_max_body_size=MAX_BODY,
        exception_handlers={ApiError: _api_error, HTTPException: _http_error, Exception: _unexpected},
        openapi_config=None,
    )


@asynccontextmanager
async def _engine_running(worker: Worker, _: Litestar) -> AsyncIterator[None]:
    worker.start()
    try:
        yield
    finally:
        await asyncio.to_thread(worker.stop)


def _check_model(model: str, served: str) -> None:
    if model != served:
        raise ApiError(404, f"model: there is no '{model}' here; it is '{served}'", field="model")


async def _respond(
    worker: Worker,
    request: Request[Any, Any, Any],
    form: ResponseFormat,
    body: ChatRequest | CompletionRequest,
    requests: Sequence[EngineRequest],
    *,
    logprobs: bool,
) -> Response[Any]:
    """The answer whole, or as a stream of events."""
    if body.stream:
        events = stream(worker, form, body.model, requests, logprobs=logprobs, usage=body.wants_usage)
        return Stream(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
    work = answer(worker, form, body.model, requests, logprobs=logprobs)
    return Response(await _unless_disconnected(request, work))


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
    host, origin = host_of(connection.headers.get("host", "")), connection.headers.get("origin")
    asking = None if origin is None or origin == "null" else origin_host(origin)
    if host is None or (origin not in (None, "null") and asking is None):
        raise ApiError(400, "the Host or Origin header names no host")
    if host.name not in LOOPBACK or (origin is not None and (asking is None or asking.name not in LOOPBACK)):
        raise ApiError(403, "without a token only this machine is served, by its own name", kind="permission_error")


def _engine_requests(
    worker: Worker,
    body: ChatRequest | CompletionRequest,
    prompt_ids: Sequence[int],
    field: str,
    limit: int | None,
    top: int | None,
) -> list[EngineRequest]:
    """`n` requests of one prompt, which came in the field `field`. Raises `ApiError` where they cannot be written."""
    room = worker.causal.context - len(prompt_ids)
    if limit is None:
        limit = max(1, min(room, DEFAULT_MAX_TOKENS))
    sampling = body.sampling(limit)
    requests = [
        EngineRequest(None, tuple(prompt_ids), sampling, stream, tuple(body.stop), top or 0) for stream in range(body.n)
    ]
    try:
        worker.engine.check(requests[0])
    except AccordError as error:
        raise ApiError(400, str(error), field=body.limited_by if prompt_ids and 0 < room < limit else field) from error
    return requests


def _completion_requests(worker: Worker, body: CompletionRequest, prompt: str | tuple[int, ...]) -> list[EngineRequest]:
    prompt_ids = list(worker.causal.tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else list(prompt)
    return _engine_requests(worker, body, prompt_ids, "prompt", body.max_tokens, body.logprobs)


def _chat_prompt(worker: Worker, body: ChatRequest) -> list[int]:
    """The token ids of a chat. Raises `ApiError` where there is no template, or it refuses the messages."""
    try:
        return worker.causal.encode_prompt(body.prompt())
    except AccordError as error:
        raise ApiError(400, str(error), field="messages") from error
    except TemplateError as error:
        raise ApiError(400, f"messages: the model's chat template refuses them ({error})", field="messages") from error


async def _unless_disconnected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work`, which is cancelled where the client leaves before it is there."""
    task = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(499, "the client closed the connection", kind="client_closed")
        return task.result()
    finally:
        for pending in (task, disconnected):
            pending.cancel()
        await asyncio.gather(task, disconnected, return_exceptions=True)


async def _disconnect(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _api_error(_: Request[Any, Any, Any], error: ApiError) -> Response[dict[str, Any]]:
    return Response(error.body(), status_code=error.status)


def _http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    return Response(ApiError(error.status_code, error.detail).body(), status_code=error.status_code)


def _unexpected(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    answer = failure(error)
    return Response(answer.body(), status_code=answer.status)
