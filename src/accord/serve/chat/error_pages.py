"""A page for everything that goes wrong, with what to do next; what nobody foresaw goes to the log."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from accord.collect.web.form_parsing import UnreadableError
from accord.collect.web.site import ForgedError, TooOftenError
from accord.errors import AccordError, Conflict, FormError, LedgerError, StorageError
from accord.serve.chat.site import ChatRequest, ChatSite, KeptOutError

__all__ = ["handlers"]

log = logging.getLogger("accord.chat")
WORDS = {
    404: ("There is no such page", "Perhaps the address was cut off on its way here."),
    405: ("There is no such page", "Perhaps the address was cut off on its way here."),
    413: ("This is too long", "Go back: what you typed is still on the page. Shorten it, then send it again."),
    500: ("Something went wrong here", "It was noted. Votes that were taken are kept; go back and try again."),
}
SENSELESS = ("This request makes no sense here", "Go back to the page before.")


def handlers(site: ChatSite) -> dict[Any, Callable[[ChatRequest, Any], Response[Any]]]:
    """The page of each class of errors, for Litestar."""
    pages: dict[Any, Callable[[ChatSite, ChatRequest, Any], Response[Any]]] = {
        KeptOutError: _kept_out,
        Conflict: _conflict,
        FormError: _form,
        UnreadableError: _unreadable,
        ForgedError: _forged,
        TooOftenError: _too_often,
        LedgerError: _storage,
        StorageError: _storage,
        HTTPException: _http,
        Exception: _unforeseen,
    }
    return {error: partial(page, site) for error, page in pages.items()}


def _kept_out(site: ChatSite, request: ChatRequest, _: KeptOutError) -> Response[Any]:
    return site.page(request, "sign_in.html", status=401, error="")


def _conflict(site: ChatSite, request: ChatRequest, error: Conflict) -> Response[Any]:
    return site.problem(request, "This came too late", str(error), status=409)


def _form(site: ChatSite, request: ChatRequest, error: FormError) -> Response[Any]:
    return site.problem(request, "Not sent", str(error), status=400)


def _unreadable(site: ChatSite, request: ChatRequest, error: UnreadableError) -> Response[Any]:
    return site.problem(request, "The form did not arrive whole", str(error), status=400)


def _forged(site: ChatSite, request: ChatRequest, _: ForgedError) -> Response[Any]:
    advice = "The page was open for long, cookies are off, or the server was started anew. Load it again, then send."
    return site.problem(request, "This form cannot be taken", advice, status=403)


def _too_often(site: ChatSite, request: ChatRequest, error: TooOftenError) -> Response[Any]:
    advice = f"Please wait {error.seconds} seconds, then try again."
    response = site.problem(request, "Too many tries", advice, status=429)
    response.headers["retry-after"] = str(error.seconds)
    return response


def _storage(site: ChatSite, request: ChatRequest, error: AccordError) -> Response[Any]:
    log.error("%s %s: %s", request.method, request.scope["path"], error)
    advice = "Your vote is not taken yet; what was taken before is kept. Go back and send it again in a minute."
    return site.problem(request, "This cannot be kept right now", advice, status=503)


def _http(site: ChatSite, request: ChatRequest, error: HTTPException) -> Response[Any]:
    status = error.status_code
    title, advice = WORDS.get(status, WORDS[500] if status >= 500 else SENSELESS)
    return site.problem(request, title, advice, status=status if status in WORDS or status < 500 else 500)


def _unforeseen(site: ChatSite, request: ChatRequest, error: Exception) -> Response[Any]:
    log.error("%s %s", request.method, request.scope["path"], exc_info=error)
    return site.problem(request, *WORDS[500], status=500)
