"""Requests to an endpoint over HTTP, and the one line that is said of each that fails.

What fails for a while (no connection, 408, 409, 429, 5xx) is sent again by the `openai` client, later each time and not
before the endpoint allows.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from accord.errors import EndpointError

if TYPE_CHECKING:  # a second of imports, of which most runs need nothing
    from openai import APIStatusError, OpenAI

__all__ = ["Endpoint"]

T = TypeVar("T")
PASSING = frozenset({408, 409, 425, 429})
"""Answers below 500 that may be others later."""


@dataclass(frozen=True)
class Endpoint:
    """An address that ends in `/v1`, and the bearer `token` shown there.

    timeout   seconds that an answer may take
    retries   how often a request that failed is sent again
    """

    url: str
    token: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    retries: int = 2

    @classmethod
    def at(cls, url: str, token: str | None, *, timeout: float, retries: int) -> "Endpoint":
        """The endpoint of a server, by its address with or without `/v1`."""
        base = url.rstrip("/")
        return cls(base if base.endswith("/v1") else f"{base}/v1", token, timeout, retries)

    @property
    def place(self) -> str:
        """The address without what may be secret in it: no user, no password, no query."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def root(self) -> str:
        """The address of the server itself, where routes that are not OpenAI's stand."""
        return self.url.removesuffix("/v1")

    @cached_property
    def client(self) -> "OpenAI":
        """What sends."""
        from openai import OpenAI

        # The client would look for OPENAI_API_KEY otherwise, which is not meant for this endpoint.
        key = self.token or "none"
        return OpenAI(base_url=self.url, api_key=key, timeout=self.timeout, max_retries=self.retries)

    def get(self, path: str) -> Any:
        """The JSON at a path below `/v1`, or at an address. Raises `EndpointError`."""
        return self.request(path, lambda: self._read(self.client.get(path, cast_to=bytes)))

    def post(self, path: str, body: Any) -> Any:
        """What is answered to JSON, as JSON; None where that is empty. Raises `EndpointError`."""
        return self.request(path, lambda: self._read(self.client.post(path, cast_to=bytes, body=body)))

    def tell(self, path: str, body: Any) -> None:
        """Send JSON to a path whose answer says no more than that it went well. Raises `EndpointError`."""
        self.request(path, lambda: self.client.post(path, cast_to=bytes, body=body))

    def put_file(self, path: str, file: Path) -> Any:
        """What is answered to a file, which is sent whole. Raises `EndpointError`."""

        def send() -> Any:
            with file.open("rb") as opened:
                return self._read(self.client.put(path, cast_to=bytes, content=opened))

        return self.request(path, send)

    def request(self, path: str, send: Callable[[], T]) -> T:
        """What the endpoint answers. Raises `EndpointError` that names the place and the endpoint's reason."""
        from openai import APIStatusError, OpenAIError

        place = f"{self.place}{path}" if path.startswith("/") else path.rpartition("@")[2]
        try:
            return send()
        except APIStatusError as error:
            may_pass = error.status_code in PASSING or error.status_code >= 500
            raise EndpointError(
                f"{place}: it answers {error.status_code} ({_reason(error)})", may_pass=may_pass
            ) from error
        except (OpenAIError, ValueError) as error:
            raise EndpointError(f"{place}: no answer that can be read ({error.__cause__ or error})") from error

    @staticmethod
    def _read(content: bytes) -> Any:
        return json.loads(content) if content.strip() else None


def _reason(error: "APIStatusError") -> str:
    """The message of an error in OpenAI's form, or the beginning of whatever came."""
    if isinstance(error.body, dict) and error.body.get("message"):
        return str(error.body["message"])
    return error.response.text[:200].strip() or "no reason given"
