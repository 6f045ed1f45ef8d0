"""Who is there: cookies, tokens against forged requests, and how often something may be tried.

A visitor's browser has a random name in a cookie of its own. The token of a form is made of that name and of the
session's, neither of which a script or another site can read, so it can neither be guessed nor carried elsewhere.
Sessions themselves are kept by the desk, which stores their digests alone. Behind HTTPS every cookie is `Secure` and
has the prefix `__Host-`, which keeps neighbours under the same domain from setting it.
"""

import hashlib
import hmac
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from litestar import Request
from litestar.datastructures import Cookie

from accord.web_server import host_of, origin_host

__all__ = ["CookieJar", "Limiter", "form_token", "is_cross_site", "new_browser_name", "tokens_match"]

A_YEAR = 365 * 24 * 3600
Owner = Literal["browser", "person", "admin"]
MAX_KEYS = 10_000


@dataclass(frozen=True)
class CookieJar:
    """The names of the cookies, and how they are set: `secure` behind HTTPS, readable by no script, for this site."""

    secure: bool = False

    def name(self, owner: Owner) -> str:
        """The cookie's name."""
        return f"{'__Host-' if self.secure else ''}accord-{owner}"

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


@dataclass
class Limiter:
    """At most `limit` tries within `seconds` for each key; older ones are forgotten."""

    limit: int
    seconds: float
    clock: Callable[[], datetime]
    _tries: dict[str, deque[datetime]] = field(default_factory=lambda: defaultdict(deque), repr=False)

    def wait(self, key: str) -> int:
        """The seconds until the next try is allowed; 0 where it is now. Does not count as a try."""
        tries = self._recent(key)
        if len(tries) < self.limit:
            return 0
        return max(1, round((tries[0] + timedelta(seconds=self.seconds) - self.clock()).total_seconds()))

    def count(self, key: str) -> None:
        """One more try by `key`."""
        if len(self._tries) > MAX_KEYS:  # a flood of keys must not fill the memory
            recent = {known: tries for known in list(self._tries) if (tries := self._recent(known))}
            self._tries = defaultdict(deque, recent)
        self._recent(key).append(self.clock())

    def _recent(self, key: str) -> deque[datetime]:
        tries, now = self._tries[key], self.clock()
        while tries and not timedelta(0) <= now - tries[0] < timedelta(seconds=self.seconds):
            tries.popleft()
        return tries
