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

from accord.errors import AccordError, ModelError
from accord.lm.engine import Request as EngineRequest
from accord.lm.prompt_logprobs import PromptLogprobs, check_readable
from accord.records import Sampling
from accord.serve.collecting import Collector
from accord.serve.echo import Echo, echo_of
from accord.serve.recorded_requests import recording, ticket_of
from accord.serve.recording import STATE_HEADER, Recorder
from accord.serve.recording_routes import recording_routes
from accord.serve.requests import ApiError, ChatRequest, CompletionRequest, parse
from accord.serve.responses import (
    ChatFormat,
    Choice,
    CompletionFormat,
    Keep,
    ResponseFormat,
    answer,
    failure,
    new_name,
    stream,
)
from accord.serve.weight_routes import WeightStore, weight_routes
from accord.serve.worker import Worker
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["DEFAULT_MAX_TOKENS", "MAX_BODY", "make_app"]

MAX_BODY = 1_000_000
DEFAULT_MAX_TOKENS = 1024  # tokens of a text where a client sets no limit
MAX_TOLD = 2_000_000  # tokens and log-probabilities of one answer
LETTERS_OF_TOKEN = 32  # at most, of those of a prompt: a longer text is not read at all


def make_app(
    worker: Worker,
    name: str,
    *,
    token: str | None,
    collector: Collector | None = None,
    recorder: Recorder | None = None,
    weights: WeightStore | None = None,
) -> Litestar:
    """The endpoint for the model of `worker`, called `name`; clients show `token`, or nothing where it is None.

    Without a token only requests to this machine by one of its own names are served, and none that a page of another
    site has a browser send. With a `collector`, `/v1/feedback` takes what users say of answers. A `recorder` keeps
    those that its policy draws; `/v1/recording` says which that is. With `weights`, `/v1/weights` takes others in the
    place of the model's.
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
        body, requests = await worker.read(_read_chat, worker, name, await request.body())
        keeps = [] if collector is None else [_keeper(collector, request, body, requests[0].sampling)]
        tells = bool(body.logprobs)
        return await _respond(worker, request, ChatFormat(), body, requests, tells, keeps=keeps, recorder=recorder)

    @post("/v1/completions", guards=[allowed], status_code=200)
    async def completions(request: Request[Any, Any, Any]) -> Response[Any]:
        body, requests = await worker.read(_read_completion, worker, name, await request.body())
        echoes = await _unless_disconnected(request, _echoes(worker, body, requests)) if body.echo else ()
        form, tells = CompletionFormat(echoes, ids=bool(body.return_token_ids)), body.logprobs is not None
        drawn = None if body.max_tokens == 0 else recorder  # what has no answer is not recorded
        return await _respond(worker, request, form, body, requests, tells, recorder=drawn)

    @post("/v1/feedback", guards=[allowed], status_code=200)
    async def feedback(request: Request[Any, Any, Any]) -> dict[str, Any]:
        if collector is None:
            raise ApiError(404, "no feedback is collected here; start accord serve with --collect STUDY")
        return await collector.judge(await request.body(), request.headers)

    return Litestar(
        [
            health,
            models,
            chat,
            completions,
            feedback,
            *recording_routes(recorder, allowed),
            *weight_routes(worker, weights, allowed),
        ],
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
    logprobs: bool,
    *,
    keeps: Sequence[Keep] = (),
    recorder: Recorder | None = None,
) -> Response[Any]:
    """The answer whole, or as a stream of events; its header says whether it is recorded."""
    name, headers = new_name(form), dict[str, str]()
    if recorder is not None:
        ticket = ticket_of(recorder, name, body, request.headers)
        keeps, headers = [*keeps, recording(recorder, ticket, body, requests)], {STATE_HEADER: ticket.state}

    async def keep(name: str, choices: Sequence[Choice]) -> None:
        for each in keeps:
            await each(name, choices)

    common: Any = {"logprobs": logprobs, "written": body.limit != 0, "name": name, "keep": keep}
    if body.stream:
        events = stream(worker, form, body.model, requests, usage=body.wants_usage, **common)
        return Stream(events, media_type="text/event-stream", headers={"cache-control": "no-store", **headers})
    work = answer(worker, form, body.model, requests, **common)
    return Response(await _unless_disconnected(request, work), media_type="application/json", headers=headers)


async def _echoes(worker: Worker, body: CompletionRequest, requests: Sequence[EngineRequest]) -> list[Echo]:
    """What is sent back of the prompt of each text, which is read once however many texts it has."""
    read = list(dict.fromkeys(request.prompt for request in requests))
    found: Sequence[PromptLogprobs | None] = [None] * len(read)
    if body.logprobs is not None:
        found = await worker.score(read, body.logprobs)
    scores = dict(zip(read, found, strict=True))
    sent = [prompt for prompt in body.prompts() for _ in range(body.n)]

    def made() -> list[Echo]:
        return [
            echo_of(worker.causal, prompt, request.prompt, scores[request.prompt])
            for prompt, request in zip(sent, requests, strict=True)
        ]

    return await worker.tell(made)


def _keeper(collector: Collector, request: Request[Any, Any, Any], body: ChatRequest, sampling: Sampling) -> Keep:
    async def keep(name: str, choices: Sequence[Choice]) -> None:
        await collector.keep(name, body, request.headers, choices, sampling)

    return keep


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


def _read_chat(worker: Worker, name: str, sent: bytes) -> tuple[ChatRequest, list[EngineRequest]]:
    """A chat as it came in a body, and what is to be written. Raises `ApiError`."""
    body: ChatRequest = parse(ChatRequest, sent)
    _check_model(body.model, name)
    return body, _engine_requests(worker, body, _chat_prompt(worker, body), "messages", body.limit, body.top_logprobs)


def _read_completion(worker: Worker, name: str, sent: bytes) -> tuple[CompletionRequest, list[EngineRequest]]:
    """A request for completions as it came in a body, and what is to be written. Raises `ApiError`."""
    body: CompletionRequest = parse(CompletionRequest, sent)
    _check_model(body.model, name)
    prompts = body.prompts()
    for prompt in prompts:
        if isinstance(prompt, str):
            _check_length(worker, len(prompt), "prompt")
    requests = list(chain.from_iterable(_completion_requests(worker, body, prompt) for prompt in prompts))
    _check_amount(requests)
    if body.echo and body.logprobs is not None:
        _check_scored(worker, requests)
    return body, requests


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
        limit = max(1, min(room, DEFAULT_MAX_TOKENS, MAX_TOLD // (body.n * (1 + (top or 0)))))
    sampling = body.sampling(max(limit, 1))
    requests = [EngineRequest(None, tuple(prompt_ids), sampling, stream, top or 0) for stream in body.random_streams()]
    try:
        worker.engine.check_prompt(requests[0].prompt, limit)
    except AccordError as error:
        raise ApiError(400, str(error), field=body.limited_by if prompt_ids and 0 < room < limit else field) from error
    _check_amount(requests)
    return requests


def _check_scored(worker: Worker, requests: Sequence[EngineRequest]) -> None:
    """Raises `ApiError` where the prompts hold a token without a probability, or more than one answer may tell."""
    for request in requests:
        try:
            check_readable(worker.causal, request.prompt)
        except ModelError as error:
            raise ApiError(400, str(error), field="prompt") from error
    amount = sum(len(request.prompt) * (1 + request.top) for request in requests)
    if amount > MAX_TOLD:
        message = (
            f"prompt: tokens times log-probabilities of a token are {amount:,}, and one request may ask for "
            f"{MAX_TOLD:,}; ask for less, or in several requests"
        )
        raise ApiError(400, message, field="prompt")


def _check_amount(requests: Sequence[EngineRequest]) -> None:
    """Raises `ApiError` where one answer would hold more tokens and log-probabilities than the memory is meant for."""
    amount = sum(request.sampling.max_tokens * (1 + request.top) for request in requests)
    if amount > MAX_TOLD:
        raise ApiError(
            400,
            f"n: texts times max_tokens times log-probabilities of a token are {amount:,}, and one request may ask for "
            f"{MAX_TOLD:,}; ask for less, or in several requests",
            field="n",
        )


def _check_length(worker: Worker, letters: int, field: str) -> None:
    """Raises `ApiError` for a text that is not worth reading: it cannot fit."""
    most = worker.causal.context * LETTERS_OF_TOKEN
    if letters > most:
        raise ApiError(
            400,
            f"{field}: {letters:,} letters; for a context of {worker.causal.context:,} tokens send {most:,} at most",
            field=field,
        )


def _completion_requests(worker: Worker, body: CompletionRequest, prompt: str | tuple[int, ...]) -> list[EngineRequest]:
    prompt_ids = list(worker.causal.tokenizer(prompt)["input_ids"]) if isinstance(prompt, str) else list(prompt)
    return _engine_requests(worker, body, prompt_ids, "prompt", body.max_tokens, body.logprobs)


def _chat_prompt(worker: Worker, body: ChatRequest) -> list[int]:
    """The token ids of a chat. Raises `ApiError` where there is no template, or it refuses the messages."""
    prompt = body.prompt()
    _check_length(worker, sum(len(message.content) for message in prompt.messages), "messages")
    try:
        return worker.causal.encode_prompt(prompt)
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
