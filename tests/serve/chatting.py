"""A chat page in a thread of its own, and a browser of sorts that fills in its forms."""

import html
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any

import uvicorn

from accord.feedback import Ledger
from accord.lm.loading import load
from accord.records import Sampling
from accord.serve import Worker
from accord.serve.chat.app import make_chat_app
from accord.serve.chat.speakers import Speaker
from accord.serve.chat.votes import BallotBox

__all__ = ["Visitor", "chatting", "speaker"]


def speaker(name: str, *, seed: int = 1, **sampling: Any) -> Speaker:
    """A small real model under a name; greedy, so that its texts are the same every time."""
    settings = {"temperature": 0.0, "max_tokens": 8, **sampling}
    return Speaker(Worker(load("tiny", seed=seed), slots=4), name, Sampling(**settings))


class Visitor:
    """Somebody with cookies, without a script: pages are read as text, forms sent as they stand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.status, self.page, self.address = 0, "", ""

    def get(self, path: str = "/") -> str:
        """The page there, after any redirect."""
        return self._open(urllib.request.Request(self.url + path))

    def send(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> str:
        """The page's hidden fields and these, sent; the page that comes of it."""
        body = urllib.parse.urlencode({**self.hidden, **fields}).encode()
        return self._open(urllib.request.Request(self.url + path, data=body, headers=headers or {}))

    def whole(self) -> str:
        """The page once nothing is being written any more: the stream of its last turn is read to its end."""
        while followed := re.search(r'data-follow="([^"]+)"', self.page):
            with self.opener.open(self.url + followed[1], timeout=60) as stream:
                stream.read()
            self.get()
        return self.page

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the page, by name."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', self.page)
        return {name: html.unescape(value) for name, value in found}

    def _open(self, request: urllib.request.Request) -> str:
        try:
            with self.opener.open(request, timeout=60) as response:
                self.status, self.address, self.page = response.status, response.url, response.read().decode()
        except urllib.error.HTTPError as error:
            self.status, self.address, self.page = error.code, error.url or "", error.read().decode()
        return self.page


@contextmanager
def chatting(
    *speakers: Speaker,
    ledger: Ledger | None = None,
    token: str | None = None,
    evaluator: str | None = None,
    **more: Any,
) -> Iterator[str]:
    """The address of a page, for as long as the block lasts."""
    box = None if ledger is None else BallotBox(ledger, evaluator)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_chat_app(*speakers, token=token, box=box, **more)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            if box is not None:
                box.close()
