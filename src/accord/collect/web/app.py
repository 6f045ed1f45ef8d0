"""The app: routes, and what goes with every answer.

Nothing of a page runs but the one script that is served here: the content security policy forbids all else, and inline
scripts and styles with it. A visitor never sees a path of the machine or a trace; those go to the log.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from litestar import Litestar, MediaType, get
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import ClientException
from litestar.openapi.config import OpenAPIConfig
from litestar.types import ASGIApp, Message, Scope

from accord.collect.desk.service import Desk
from accord.collect.web.added_pages import AddedPage, added_handlers
from accord.collect.web.admin import ADMIN
from accord.collect.web.admin_items import ADDING
from accord.collect.web.admin_lookup import LOOKUP
from accord.collect.web.admin_people import PEOPLE
from accord.collect.web.device_pages import DEVICES
from accord.collect.web.error_pages import ErrorPages
from accord.collect.web.form_parsing import MAX_BODY
from accord.collect.web.language_pages import LANGUAGES
from accord.collect.web.pages import PAGES
from accord.collect.web.platform_pages import PLATFORM
from accord.collect.web.site import Site, WebRequest
from accord.collect.web.start_page import ENTRANCE, start_page
from accord.collect.web.static_files import SHARED, read_static, static_route
from accord.errors import StudyError
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["HEADERS", "POLICY", "make_app", "make_house"]

RESERVED = {"health", "static"}
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
    hosts: Collection[str] | None = LOOPBACK,
    openapi: bool = False,
    added: Sequence[AddedPage] = (),
) -> Litestar:
    """The pages of a desk. `public_url` is how the world reaches them, where a proxy stands in front.

    `hosts` are the names of this machine that are answered to (None: any), so that no name that somebody else points
    here is; that of `public_url` is one of them. `openapi` adds the description in OpenAPI, for those who test it.
    `added` are pages of other rooms for whoever runs the study.
    """
    site = Site(desk, desk.study, clock, public_url, added=tuple(added))
    admin = [*ADMIN, *PEOPLE, *LOOKUP, *ADDING, *added_handlers(added)]
    handlers = [health, _static_of(added), *PAGES, *LANGUAGES, *DEVICES, *PLATFORM, *admin]
    return _app(site, handlers, hosts, openapi=openapi)


def make_house(
    desks: Sequence[Desk],
    *,
    public_url: str | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    hosts: Collection[str] | None = LOOPBACK,
    added: Sequence[AddedPage] = (),
) -> ASGIApp:
    """The pages of several studies of one ledger, each below its name, and a page that lists them; `added` as above.

    Raises `StudyError` where two have one name, or one is called as a page of the address is.
    """
    names = [desk.study.name for desk in desks]
    for name in names:
        if names.count(name) > 1 or name in RESERVED:
            raise StudyError(f"study.name: '{name}' is the name of another page here; give the study another one")
    sites = [
        Site(desk, desk.study, clock, public_url, f"/{desk.study.name}", tuple(desks), desks[0].house_tag, tuple(added))
        for desk in desks
    ]
    entrance = _app(sites[0], [health, _static_of(added), start_page], hosts)
    handlers = [*PAGES, *LANGUAGES, *DEVICES, *ENTRANCE, *PLATFORM, *ADMIN, *PEOPLE, *LOOKUP, *ADDING]
    handlers += added_handlers(added)
    apps = {site.study.name: _app(site, handlers, hosts) for site in sites}

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        """To the study whose name a path begins with, which sees the rest of it; else to what all have in common."""
        _, _, rest = scope.get("path", "").partition("/")
        name, slash, inner = rest.partition("/")
        if scope["type"] == "http" and name in apps:
            path = slash + inner or "/"
            below: Any = {**scope, "path": path, "raw_path": path.encode()}
            await apps[name](below, receive, send)
        else:
            await entrance(scope, receive, send)

    return dispatch


def _app(site: Site, handlers: Sequence[Any], hosts: Collection[str] | None, *, openapi: bool = False) -> Litestar:
    named = None if hosts is None else {*hosts, urlsplit(site.public_url or "").hostname}
    return Litestar(
        list(handlers),
        dependencies={"site": Provide(lambda: site, sync_to_thread=False)},
        before_request=_check_request(site, named),
        before_send=[_headers_of(secure=site.jar.secure)],
        request_max_body_size=max(
            MAX_BODY, 12 * site.study.questionnaire.longest_text + 150_000
        ),  # a letter is 12 bytes at most
        exception_handlers=ErrorPages(site).handlers(),
        openapi_config=OpenAPIConfig(title="accord collect", version="1") if openapi else None,
        logging_config=None,
    )


def _check_request(site: Site, hosts: set[str | None] | None) -> Callable[[WebRequest], Awaitable[None]]:
    """What happens before any handler: strange names of this machine are refused, and every form is checked."""

    async def receive(request: WebRequest) -> None:
        host, origin = host_of(request.headers.get("host", "")), request.headers.get("origin", "null")
        if host is None or (hosts is not None and host.name not in hosts):
            raise ClientException("not a name of this machine")
        if origin != "null" and origin_host(origin) is None:
            raise ClientException("the Origin header names no host")
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            request.state.form = await site.receive(request)

    return receive


@get("/health", media_type=MediaType.TEXT, sync_to_thread=False)
def health() -> str:
    """For the proxy in front, and for whoever starts this."""
    return "ok"


def _static_of(added: Sequence[AddedPage]) -> Any:
    """The sheet, the script, the sign, and those of added pages, which never stand in their place."""
    return static_route(
        {name: content for page in added for name, content in page.files.items()} | read_static(*SHARED)
    )


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
