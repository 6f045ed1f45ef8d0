"""Who is there: cookies, tokens against forged requests, and how often something may be tried.

A visitor's browser has a random name in a cookie of its own. The token of a form is made of that name and of the
session's, neither of which a script or another site can read, so it can neither be guessed nor carried elsewhere.
Sessions themselves are kept by the desk, which stores their digests alone. Browsers send a host's cookies to all of its
ports, so every cookie has the study's tag in its name. Behind HTTPS every cookie is `Secure` and
has the prefix `__Host-`, which keeps neighbours under the same domain from setting it.
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from litestar import Request
from litestar.datastructures import Cookie

from accord.web_server import host_of, origin_host

__all__ = ["CookieJar", "Limiter", "form_token", "is_cross_site", "network_of", "new_browser_name", "tokens_match"]

A_YEAR = 365 * 24 * 3600
Owner = Literal["browser", "person", "admin", "known", "language"]
MAX_KEYS = 10_000


@dataclass(frozen=True)
class CookieJar:
    """The names of a study's cookies, and how they are set: `secure` behind HTTPS, readable by no script.

    Those of people and their browsers are called by `people_tag`, where several studies share them.
    """

    tag: str
    secure: bool = False
    people_tag: str = ""

    def name(self, owner: Owner) -> str:
        """The cookie's name."""
        tag = self.people_tag if self.people_tag and owner in {"browser", "person", "language"} else self.tag
        return f"{'__Host-' if self.secure else ''}accord-{owner}-{tag}"

    def read(self, request: Request[Any, Any, Any], owner: Owner) -> str:
        """What the cookie holds; empty where there is none."""
        return request.cookies.get(self.name(owner), "")

    def cookie(self, owner: Owner, value: str, seconds: int = A_YEAR) -> Cookie:
        """The cookie to set; with 0 `seconds`, the cookie to forget."""
        return Cookie(
            key=self.name(owner),
            value=value,
            max_age=seconds,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )


def new_browser_name() -> str:
    """A name that nobody guesses."""
    return secrets.token_urlsafe(24)


def form_token(browser: str, session: str) -> str:
    """The token that the forms of this browser, in this session (empty where nobody is signed in), must carry."""
    return hmac.new(browser.encode(), f"form {session}".encode(), hashlib.sha256).hexdigest()


def tokens_match(token: str, expected: str) -> bool:
    """Whether the token is the expected one, in a time that does not depend on how much of it is."""
    return hmac.compare_digest(token.encode(), expected.encode())


def is_cross_site(request: Request[Any, Any, Any], public_host: str) -> bool:
    """Whether the browser itself says that a page of another site sent the request."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    ours = {host_of(request.headers.get("host", "")), host_of(public_host)}
    return origin is not None and origin != "null" and origin_host(origin) not in ours - {None}


def network_of(address: str) -> str:
    """What one visitor can send from: an IPv4 address, or the /64 of an IPv6 one, of which each has many."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    return str(known.ipv4_mapped or ipaddress.IPv6Network((known, 64), strict=False))


@dataclass
class Limiter:
    """At most `limit` tries within `seconds` for each key. Older ones are forgotten, of too many keys the oldest."""

    limit: int
    seconds: float
    clock: Callable[[], datetime]
    _tries: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque), repr=False)

    def wait(self, key: str) -> int:
        """The seconds until the next try is allowed; 0 where it is now. Does not count as a try."""
        tries = self._recent(key) if key in self._tries else deque()
        if len(tries) < self.limit:
            return 0
        return max(1, round((tries[0] + timedelta(seconds=self.seconds) - self.clock()).total_seconds()))

    def count(self, key: str) -> None:
        """One more try by `key`."""
        if len(self._tries) >= MAX_KEYS and key not in self._tries:  # a flood of keys must not fill the memory
            del self._tries[next(iter(self._tries))]
        self._recent(key).append(self.clock())

    def _recent(self, key: str) -> deque[datetime]:
        tries, now = self._tries[key], self.clock()
        while tries and not timedelta(0) <= now - tries[0] < timedelta(seconds=self.seconds):
            tries.popleft()
        return tries
