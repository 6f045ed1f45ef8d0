"""The page of a run in a thread of its own."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from accord.watch import Watched, make_watch_app

__all__ = ["Answer", "get", "watching"]


class Answer:
    """Status, headers and text of what came back; redirects are not followed."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status, self.headers, self.text = status, headers, text


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def get(url: str, data: bytes | None = None, **headers: str) -> Answer:
    """What an address answers."""
    request = urllib.request.Request(url, data=data, headers={name.replace("_", "-"): v for name, v in headers.items()})
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read().decode())


@contextmanager
def watching(folder: Path, token: str | None = None) -> Iterator[str]:
    """The address of the page, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_watch_app(Watched(folder), token=token)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
