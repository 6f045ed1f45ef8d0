"""The page of a run, which is only read: plain HTML that one script renews, and the numbers as JSON.

A browser shows the token once, where there is one. Nothing of a page runs or loads but what is served here.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import ClientException, HTTPException
from litestar.response import Redirect
from litestar.types import Message, Scope

from accord.collect.web.app import HEADERS, POLICY
from accord.collect.web.form_parsing import UnreadableError, read
from accord.collect.web.security import CookieJar, Limiter, is_cross_site, network_of, tokens_match
from accord.collect.web.static_files import read_static, static_route, version_of
from accord.errors import AccordError, ArtefactError
from accord.watch.numbers import to_json
from accord.watch.page import (
    foot_markup,
    links,
    own_static,
    run_markup,
    seconds_to_next,
    shown_view,
    templates,
)
from accord.watch.rounds import Watched
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["make_watch_app"]

HTML = MediaType.HTML
MAX_FORM = 10_000  # bytes
WatchRequest = Request[Any, Any, Any]
log = logging.getLogger("accord.watch")


class KeptOutError(Exception):
    """Whoever asks has not shown the token."""


@dataclass(frozen=True)
class WatchSite:
    """A folder that is watched. A browser has to show the `token` once, unless it is None."""

    watched: Watched
    token: str | None
    _tries: Limiter = field(default_factory=lambda: Limiter(20, 300.0, lambda: datetime.now(UTC)), repr=False)

    @cached_property
    def thread(self) -> ThreadPoolExecutor:
        """Where files are read, so that no request waits for another's disk longer than it must."""
        return ThreadPoolExecutor(2)

    @cached_property
    def jar(self) -> CookieJar:
        """Cookies under a name that stays the same when the page is served anew."""
        name = str(self.watched.folder.resolve())
        return CookieJar(f"watch-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}")

    @cached_property
    def key(self) -> str:
        """What a browser that has shown the token holds in its cookie."""
        return hashlib.sha256(f"accord watch {self.token}".encode()).hexdigest()

    def check(self, request: WatchRequest) -> None:
        """Raises `KeptOutError` for a browser that has not shown the token."""
        if self.token is not None and not tokens_match(self.jar.read(request, "person"), self.key):
            raise KeptOutError

    def takes(self, request: WatchRequest, token: str) -> bool:
        """Whether a token is the right one; false for whoever tried too often, too."""
        address = network_of(request.client.host) if request.client else "nowhere"
        if self.token is None or self._tries.wait(address):
            return False
        if hmac.compare_digest(token.encode(), self.token.encode()):
            return True
        self._tries.count(address)
        return False

    def cookie(self) -> Cookie:
        """What lets a browser in from now on."""
        return self.jar.cookie("person", self.key)

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response[str]:
        """A page made of a template."""
        body = templates().get_template(template).render({"digest": version_of(_static()), **context})
        return Response(body, status_code=status, media_type="text/html; charset=utf-8")

    def problem(self, heading: str, advice: str, *, status: int) -> Response[str]:
        """A page that says what went wrong."""
        return self.page("watch_problem.html", status=status, heading=heading, advice=advice)


def make_watch_app(watched: Watched, *, token: str | None, hosts: Collection[str] | None = LOOPBACK) -> Litestar:
    """The page of a run. `hosts` are the names of this machine that are answered to (None: any)."""
    site = WatchSite(watched, token)
    return Litestar(
        [health, static_route(_static()), front, sign_in, numbers],
        dependencies={"site": Provide(lambda: site, sync_to_thread=False)},
        before_request=_check_host(hosts),
        before_send=[_add_headers],
        request_max_body_size=MAX_FORM,
        exception_handlers={error: partial(page, site) for error, page in _PROBLEMS.items()},
        openapi_config=None,
        logging_config=None,
    )


def _check_host(hosts: Collection[str] | None) -> Callable[[WatchRequest], Awaitable[None]]:
    async def receive(request: WatchRequest) -> None:
        host, origin = host_of(request.headers.get("host", "")), request.headers.get("origin", "null")
        if host is None or (hosts is not None and host.name not in hosts):
            raise ClientException("not a name of this machine")
        if origin != "null" and origin_host(origin) is None:
            raise ClientException("the Origin header names no host")

    return receive


async def _add_headers(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in {**HEADERS, "content-security-policy": POLICY}.items():
        headers[name] = value
    headers.setdefault("cache-control", "no-store")


@get("/health", media_type=MediaType.TEXT, sync_to_thread=False)
def health() -> str:
    """For whoever starts this."""
    return "ok"


@get("/", media_type=HTML)
async def front(request: WatchRequest, site: WatchSite) -> Response[Any]:
    """The run as it is now. A link with the token is how a browser comes in."""
    asked = dict(request.query_params)
    if site.token is not None and (token := asked.get("token", "")):
        return _let_in(request, site, token)
    site.check(request)
    view, content, link = await asyncio.get_running_loop().run_in_executor(site.thread, _shown, site, asked)
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(None, status_code=304, headers={"etag": tag})
    every = seconds_to_next(view, asked)
    response = site.page("watch.html", view=view, content=content, foot=foot_markup(every, link), every=every)
    response.headers["etag"] = tag
    return response


def _shown(site: WatchSite, asked: dict[str, str]) -> tuple[Any, Any, Any]:
    view, over = shown_view(site.watched, asked)
    link = links("/", asked)
    return view, run_markup(view, over, link), link


@get("/numbers")
async def numbers(request: WatchRequest, site: WatchSite) -> Response[Any]:
    """The numbers of the page as JSON."""
    site.check(request)
    asked = dict(request.query_params)
    view, _ = await asyncio.get_running_loop().run_in_executor(site.thread, shown_view, site.watched, asked)
    return Response(to_json(view), media_type=MediaType.JSON)


@post("/sign-in", media_type=HTML, status_code=200)
async def sign_in(request: WatchRequest, site: WatchSite) -> Response[Any]:
    """The token, typed in."""
    form = read(await request.body())
    if is_cross_site(request, ""):
        raise ClientException("the form is from another site")
    return _let_in(request, site, form.get("token", "").strip())


def _let_in(request: WatchRequest, site: WatchSite, token: str) -> Response[Any]:
    if not site.takes(request, token):
        error = "That is not the token, or too many were tried; wait five minutes then."
        return site.page("watch_sign_in.html", status=401, error=error)
    return Redirect("/", status_code=303, cookies=[site.cookie()])


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def _kept_out(site: WatchSite, request: WatchRequest, _: KeptOutError) -> Response[Any]:
    return site.page("watch_sign_in.html", status=401, error="")


def _refused(site: WatchSite, request: WatchRequest, error: AccordError) -> Response[Any]:
    heading = "This cannot be shown"
    return site.problem(heading, str(error), status=404 if isinstance(error, ArtefactError) else 503)


def _senseless(site: WatchSite, request: WatchRequest, error: Exception) -> Response[Any]:
    status = error.status_code if isinstance(error, HTTPException) else 400
    if status >= 500:
        return _unforeseen(site, request, error)
    words = "There is no such page" if status in {404, 405} else "This request makes no sense here"
    return site.problem(words, "Perhaps the address was cut off on its way here.", status=status)


def _unforeseen(site: WatchSite, request: WatchRequest, error: Exception) -> Response[Any]:
    log.error("%s %s", request.method, request.scope["path"], exc_info=error)
    return site.problem("Something went wrong here", "It was noted. The run itself is not touched by it.", status=500)


_PROBLEMS: dict[Any, Callable[[WatchSite, WatchRequest, Any], Response[Any]]] = {
    KeptOutError: _kept_out,
    AccordError: _refused,
    UnreadableError: _senseless,
    HTTPException: _senseless,
    Exception: _unforeseen,
}


def _static() -> dict[str, bytes]:
    """The sheets, the script and the sign: what all pages share first."""
    return read_static("accord.css", "accord.svg") | own_static()
