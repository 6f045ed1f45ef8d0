"""The app: routes, what goes with every answer, and a page for everything that goes wrong.

Nothing of a page runs but the one script that is served here: the content security policy forbids all else, and inline
scripts and styles with it. A visitor never sees a path of the machine or a trace; those go to the log.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, MediaType, Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.openapi.config import OpenAPIConfig
from litestar.types import Message, Scope

from accord.collect.desk.service import Desk
from accord.collect.web.admin import ADMIN
from accord.collect.web.form_parsing import MAX_BODY, UnreadableError
from accord.collect.web.pages import PAGES
from accord.collect.web.site import (
    ForgedError,
    Site,
    StrangerError,
    TooOftenError,
    WebRequest,
    log,
    redirect_to,
    static,
)
from accord.errors import AccessError, Conflict, FormError, LedgerError, StorageError

__all__ = ["LOOPBACK", "make_app"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEDIA_TYPES = {"accord.css": "text/css", "accord.js": "text/javascript", "accord.svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def make_app(
    desk: Desk,
    *,
    public_url: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    hosts: tuple[str, ...] | None = LOOPBACK,
    openapi: bool = False,
) -> Litestar:
    """The pages of a desk. `public_url` is how the world reaches them, where a proxy stands in front.

    `hosts` are the names of this machine that are answered to (None: any), so that no name that somebody else points
    here is; that of `public_url` is one of them. `openapi` adds the description in OpenAPI, for those who test it.
    """
    site = Site(desk, desk.study, clock, public_url)
    return Litestar(
        [health, static_file, *PAGES, *ADMIN],
        dependencies={"site": Provide(lambda: site, sync_to_thread=False)},
        before_request=_check_request(site, None if hosts is None else {*hosts, urlsplit(public_url or "").hostname}),
        before_send=[_headers_of(secure=site.jar.secure)],
        request_max_body_size=max(
            MAX_BODY, 12 * desk.study.question.longest_text + 150_000
        ),  # a letter is 12 bytes at most
        exception_handlers=_handlers(site),
        openapi_config=OpenAPIConfig(title="accord collect", version="1") if openapi else None,
        logging_config=None,
    )


def _check_request(site: Site, hosts: set[str | None] | None) -> Callable[[WebRequest], Awaitable[None]]:
    """What happens before any handler: strange names of this machine are refused, and every form is checked."""

    async def receive(request: WebRequest) -> None:
        if hosts is not None and urlsplit(f"//{request.headers.get('host', '')}").hostname not in hosts:
            raise ClientException("not a name of this machine")
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            request.state.form = await site.receive(request)

    return receive


@get("/health", media_type=MediaType.TEXT, sync_to_thread=False)
def health() -> str:
    """For the proxy in front, and for whoever starts this."""
    return "ok"


@get("/static/{name:str}", sync_to_thread=False)
def static_file(name: str) -> Response[bytes]:
    """The sheet, the script, the sign. Their address changes with their content, so they may be kept."""
    if name not in MEDIA_TYPES:
        raise NotFoundException
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(static(name), media_type=MEDIA_TYPES[name], headers=headers)


def _headers_of(*, secure: bool) -> Callable[[Message, Scope], Any]:
    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value
        headers.setdefault("cache-control", "no-store")
        if secure:
            headers["strict-transport-security"] = "max-age=31536000"

    return add


# -- what goes wrong ------------------------------------------------------------------------------------------------


def _handlers(site: Site) -> dict[Any, Callable[[WebRequest, Any], Response[Any]]]:
    """A page for each kind of error; what nobody foresaw is logged, and the visitor told no more than that."""
    on = ("/work", "Go on")

    def stranger(request: WebRequest, error: StrangerError) -> Response[Any]:
        if error.who == "admin":
            return redirect_to("/admin/sign-in")
        advice = "Open the link you were given. It works once; whoever runs the study can make you a new one."
        return site.message(request, "This study is by invitation", advice, status=401)

    def access(request: WebRequest, error: AccessError) -> Response[Any]:
        titles = {"expired": "This link has expired", "used": "This link was used", "paused": "Your part is paused"}
        title = titles.get(error.reason, "This link does not work")
        return site.message(request, title, str(error), status=410 if error.reason in {"expired", "used"} else 403)

    def conflict(request: WebRequest, error: Conflict) -> Response[Any]:
        return site.message(request, "This came too late", str(error), status=409, action=on)

    def form(request: WebRequest, error: FormError) -> Response[Any]:
        return site.message(request, "Not sent", str(error), status=400, action=on)

    def unreadable(request: WebRequest, error: UnreadableError) -> Response[Any]:
        advice = "Nothing was kept of it. Go back: what you typed is still on the page."
        return site.message(request, "The form did not arrive whole", str(error), advice, status=400)

    def forged(request: WebRequest, _: ForgedError) -> Response[Any]:
        advice = "The page was open for long, cookies are off, or you signed in anew. Load it again, then send."
        return site.message(request, "This form cannot be taken", advice, status=403, action=on)

    def too_often(request: WebRequest, error: TooOftenError) -> Response[Any]:
        advice = f"Please wait {error.seconds} seconds, then go back and try again."
        response = site.message(request, "Too many tries", advice, status=429)
        response.headers["retry-after"] = str(error.seconds)
        return response

    def store(request: WebRequest, error: Exception) -> Response[Any]:
        log.error("%s %s: %s", request.method, request.url.path, error)
        advice = (
            "Nothing you sent before is lost. Go back and send again in a minute; whoever runs the study can see why."
        )
        return site.message(request, "This cannot be kept right now", advice, status=503)

    def http(request: WebRequest, error: HTTPException) -> Response[Any]:
        return _plain_error(site, request, error.status_code)

    def unforeseen(request: WebRequest, error: Exception) -> Response[Any]:
        log.error("%s %s", request.method, request.url.path, exc_info=error)
        return _plain_error(site, request, 500)

    return {
        StrangerError: stranger,
        AccessError: access,
        Conflict: conflict,
        FormError: form,
        UnreadableError: unreadable,
        ForgedError: forged,
        TooOftenError: too_often,
        LedgerError: store,
        StorageError: store,
        HTTPException: http,
        Exception: unforeseen,
    }


WORDS = {
    400: ("This request makes no sense here", "Go back to the page before."),
    404: ("There is no such page", "Perhaps the address was cut off on its way here."),
    405: ("There is no such page", "Perhaps the address was cut off on its way here."),
    413: ("This is too long", "Go back: what you typed is still on the page. Shorten it, then send it again."),
    500: (
        "Something went wrong here",
        "It is not your fault, and it was noted. What you sent before is kept; go back and try again.",
    ),
}


def _plain_error(site: Site, request: WebRequest, status: int) -> Response[str]:
    """What is advice about a status. A fault here shows the words for 500, whatever it was."""
    known = status if status in WORDS else 500 if status >= 500 else 400
    title, advice = WORDS[known]
    return site.message(request, title, advice, status=status, action=("/", "To the beginning"))
