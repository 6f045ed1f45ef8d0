"""The routes of a chat. Everything but the growing text is a plain form that goes on by a redirect."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from litestar import Litestar, MediaType, Response, get, post
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import ClientException, NotFoundException
from litestar.response import Redirect, Stream
from litestar.types import Message, Scope

from accord.collect.study.form_fields import text_field
from accord.collect.web.app import HEADERS, POLICY
from accord.collect.web.form_parsing import MAX_BODY
from accord.collect.web.static_files import static_route
from accord.errors import Conflict, FormError
from accord.serve.chat.conversations import GONE, VOTES, Conversation, Conversations, Toss, coin
from accord.serve.chat.error_pages import handlers
from accord.serve.chat.settings_form import sampling_of
from accord.serve.chat.site import ChatRequest, ChatSite, static
from accord.serve.chat.speakers import Speaker
from accord.serve.chat.votes import BallotBox
from accord.serve.chat.writing import changes
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["make_chat_app"]

HTML = MediaType.HTML
LONGEST = 100_000  # letters that somebody may say at once


def make_chat_app(
    *speakers: Speaker,
    token: str | None,
    box: BallotBox | None = None,
    hosts: Collection[str] | None = LOOPBACK,
    toss: Toss = coin,
) -> Litestar:
    """The page of one speaker, or of two whose answers are voted on, the votes going into `box`.

    A browser shows `token` once, where it is set. `hosts` are the names of this machine that are answered to (None:
    any). `toss` draws the sides. Raises ValueError where the number of speakers
    is not that which a box, or none, is for.
    """
    if len(speakers) != (1 if box is None else 2):
        raise ValueError("one speaker, or two and a ballot box")
    site = ChatSite(speakers, token, box, Conversations(speakers, toss))
    return Litestar(
        [health, static_route(static()), front, sign_in, say, follow, stop, again, vote, begin, standings_page],
        dependencies={"site": Provide(lambda: site, sync_to_thread=False)},
        before_request=_check_request(site, hosts),
        before_send=[_add_headers],
        lifespan=[partial(_models_running, site)],
        request_max_body_size=max(MAX_BODY, 12 * LONGEST),
        exception_handlers=handlers(site),
        openapi_config=None,
        logging_config=None,
    )


@asynccontextmanager
async def _models_running(site: ChatSite, _: Litestar) -> AsyncIterator[None]:
    workers = [speaker.worker for speaker in site.speakers]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        await site.conversations.stop()
        for worker in workers:
            await asyncio.to_thread(worker.stop)


def _check_request(
    site: ChatSite, hosts: Collection[str] | None
) -> Callable[[ChatRequest], Awaitable[Response[str] | None]]:
    """What happens before any handler: strange names of this machine are refused, and every form is checked."""

    async def receive(request: ChatRequest) -> None:
        host, origin = host_of(request.headers.get("host", "")), request.headers.get("origin", "null")
        if host is None or (hosts is not None and host.name not in hosts):
            raise ClientException("not a name of this machine")
        if origin != "null" and origin_host(origin) is None:
            raise ClientException("the Origin header names no host")
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            await site.receive(request)

    return receive


async def _add_headers(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in {**HEADERS, "content-security-policy": POLICY}.items():
        headers[name] = value
    headers.setdefault("cache-control", "no-store")


def _home() -> Redirect:
    return Redirect("/", status_code=303)


@get("/health", media_type=MediaType.TEXT, sync_to_thread=False)
def health(site: ChatSite) -> Response[str]:
    """Whether all models still answer."""
    alive = all(speaker.worker.alive for speaker in site.speakers)
    return Response("ok" if alive else "stopped", status_code=200 if alive else 503, media_type=MediaType.TEXT)


@get("/", media_type=HTML)
async def front(request: ChatRequest, site: ChatSite, token: str = "") -> Response[Any]:
    """The conversation of this browser. A link with the token is how it comes in."""
    if token and site.token is not None:
        return _let_in(request, site, token)
    site.check(request)
    browser = site.browser(request)
    conversation = site.conversations.of(browser) if browser else site.conversations.fresh()
    response = site.conversation_page(request, conversation)
    await site.conversations.keep(site.browser(request), conversation)
    return response


@post("/sign-in", media_type=HTML, status_code=200)
async def sign_in(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """The token, typed in."""
    return _let_in(request, site, request.state.form.get("token", "").strip())


def _let_in(request: ChatRequest, site: ChatSite, token: str) -> Response[Any]:
    if not site.takes(request, token):
        return site.page(request, "sign_in.html", status=401, error="That is not the token.")
    return Redirect("/", status_code=303, cookies=[site.jar.cookie("person", site.key)])


@post("/say", media_type=HTML, status_code=200)
async def say(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """Say something; the answers are written from now on."""
    conversation, form = _conversation(request, site), request.state.form
    async with conversation.lock:
        conversation.check(form.get("conversation", ""), form.get("turns", ""))
        try:
            text = _said(form)
            sampling, fixed = sampling_of(form, conversation.sampling, site.context)
            await conversation.say(text, sampling, fixed_seed=fixed)
        except FormError as error:
            return site.conversation_page(request, conversation, error=str(error), form=form, status=400)
    return _home()


def _said(form: dict[str, str]) -> str:
    """What somebody says. Raises `FormError` where it is nothing, too long or cannot be kept."""
    text = text_field(form, "text", LONGEST, required=False)
    if not text.strip():
        raise FormError("text", "Nothing was written; write something, then send it.")
    return text


@get("/follow/{name:str}/{number:int}")
async def follow(request: ChatRequest, site: ChatSite, name: str, number: int) -> Stream:
    """The text of a turn as it grows, from its beginning on: events `[[place, text], ...]`, and `end`."""
    site.check(request)
    conversation = _conversation(request, site)
    if name != conversation.name or not 0 < number <= len(conversation.turns):
        raise NotFoundException
    answers = conversation.turns[number - 1].answers

    async def events() -> AsyncIterator[str]:
        async for new in changes(answers):
            yield f"data: {json.dumps(new)}\n\n" if new else ": still here\n\n"
        yield "event: end\ndata: \n\n"

    return Stream(events(), media_type="text/event-stream")


@post("/stop", media_type=HTML, status_code=200)
async def stop(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """End what is being written; what is there stays."""
    conversation, form = _conversation(request, site), request.state.form
    conversation.check(form.get("conversation", ""), form.get("turns", ""))
    await conversation.stop()
    return _home()


@post("/again", media_type=HTML, status_code=200)
async def again(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """Ask the last question again."""
    conversation, form = _conversation(request, site), request.state.form
    async with conversation.lock:
        conversation.check(form.get("conversation", ""), form.get("turns", ""))
        await conversation.again()
    return _home()


@post("/vote", media_type=HTML, status_code=200)
async def vote(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """Say which answer is better. It is in the ledger before anybody is told who wrote what.

    The same vote again is the same vote; another one on the same answers is refused, since their models are known.
    """
    box, conversation, form = site.box, _conversation(request, site), request.state.form
    chosen = next((each for each in VOTES if each == form.get("vote")), None)
    if box is None:
        raise NotFoundException
    async with conversation.lock:
        conversation.check(form.get("conversation", ""), form.get("turns", ""))
        turn = conversation.last
        if chosen is None:
            raise FormError("vote", "Nothing was chosen: vote for one of the answers, a tie, or both bad.")
        if turn is not None and turn.vote == chosen:
            return _home()
        if turn is None or not turn.waits_for_vote:
            voted = turn is not None and turn.vote is not None
            raise Conflict("already answered", VOTED if voted else "There are no two whole answers to vote on.")
        loop = asyncio.get_running_loop()
        seconds = loop.time() - max(answer.ended_at or 0.0 for answer in turn.answers)
        kept = partial(box.keep, turn, chosen, site.browser(request), conversation.name, len(conversation.turns) - 1)
        await loop.run_in_executor(box.thread, kept, seconds)
        conversation.choose(chosen)
    return _home()


VOTED = "These answers were voted on, and it was shown who wrote them: another vote would not be blind."


@post("/new", media_type=HTML, status_code=200)
async def begin(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """A new conversation, under the settings of the one before."""
    before = _conversation(request, site)
    fresh = site.conversations.fresh()
    fresh.sampling, fresh.fixed_seed = before.sampling, before.fixed_seed
    await site.conversations.keep(site.browser(request), fresh)
    return _home()


@get("/standings", media_type=HTML)
async def standings_page(request: ChatRequest, site: ChatSite) -> Response[Any]:
    """Who stands where, by all comparisons in the ledger."""
    site.check(request)
    if site.box is None:
        raise NotFoundException
    found = await asyncio.get_running_loop().run_in_executor(site.box.thread, site.box.standings)
    return site.page(request, "standings.html", standings=found, ledger=site.box.name)


def _conversation(request: ChatRequest, site: ChatSite) -> Conversation:
    """What the browser is in. Raises `KeptOutError`, or `Conflict` where it is in none."""
    site.check(request)
    browser = site.browser(request)
    if not browser:
        raise Conflict("already answered", GONE)
    return site.conversations.of(browser)
