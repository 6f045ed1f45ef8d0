"""Who may ask an endpoint: whoever shows its token, or this machine alone by one of its own names."""

import base64
import binascii
import secrets
from collections.abc import Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from accord.serve.requests import ApiError
from accord.web_server import LOOPBACK, host_of, origin_host

__all__ = ["token_guard"]

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]


def token_guard(token: str | None, *, basic: bool = False) -> Guard:
    """Refuses who does not show the token, in a time that does not depend on what is shown.

    With `basic` it may also be the password of an address, http://anybody:TOKEN@host/, for clients that have no other
    place for it. Without a token only requests to this machine by one of its own names are let in, and none that a page
    of another site has a browser send.
    """
    expected = None if token is None else token.encode()

    def allowed(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if expected is None:
            _check_local(connection)
        elif not secrets.compare_digest(_shown(connection.headers.get("authorization", ""), basic=basic), expected):
            raise ApiError(401, "the bearer token is missing or wrong", kind="authentication_error")

    return allowed


def _shown(header: str, *, basic: bool) -> bytes:
    """The token that a client shows; empty where it shows none."""
    scheme, _, value = header.partition(" ")
    if scheme == "Bearer":
        return value.encode()
    if basic and scheme == "Basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _check_local(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse other names of this machine (DNS rebinding) and pages of other sites, which browsers name as origin."""
    host, origin = host_of(connection.headers.get("host", "")), connection.headers.get("origin")
    asking = None if origin is None or origin == "null" else origin_host(origin)
    if host is None or (origin not in (None, "null") and asking is None):
        raise ApiError(400, "the Host or Origin header names no host")
    if host.name not in LOOPBACK or (origin is not None and (asking is None or asking.name not in LOOPBACK)):
        raise ApiError(403, "without a token only this machine is served, by its own name", kind="permission_error")
