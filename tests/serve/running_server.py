"""A server in a thread of its own, on a free port, and its clients."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
import uvicorn

from accord.serve import Worker, make_app
from accord.serve.collecting import Collector
from accord.serve.recording import Recorder
from accord.serve.weight_routes import WeightStore

__all__ = ["MESSAGES", "TOKEN", "Gate", "Served", "serving"]

TOKEN = "a-token-for-the-tests"
MESSAGES: Any = [{"role": "user", "content": "Say something."}]


class Served:
    """A running server and its clients."""

    def __init__(self, worker: Worker, name: str, port: int) -> None:
        self.worker, self.name, self.port = worker, name, port
        self.url = f"http://127.0.0.1:{port}"
        self.client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN, max_retries=0, timeout=60)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer; `headers` replace those that are sent otherwise."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._open(urllib.request.Request(self.url + path, data=data), headers)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        return self._open(urllib.request.Request(self.url + path), headers)

    @staticmethod
    def _open(request: urllib.request.Request, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        for name, value in {"content-type": "application/json", "authorization": f"Bearer {TOKEN}", **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def connection(self, body: Any) -> socket.socket:
        """A raw connection on which a completion was asked for."""
        data = json.dumps({"model": self.name, **body}).encode()
        head = self.head("/v1/completions", f"Content-Length: {len(data)}")
        made = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made.sendall(head + data)
        return made

    @staticmethod
    def head(path: str, *more: str) -> bytes:
        """The beginning of a request."""
        lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *more, "", "")
        return "\r\n".join(lines).encode()


class Gate:
    """Lets the engine take no more steps than the test allows; tells what was cancelled."""

    def __init__(self, worker: Worker, patch: pytest.MonkeyPatch) -> None:
        self._allowed = threading.Semaphore(0)
        self.reached = threading.Event()
        self.cancelled: list[Any] = []
        self.let_go = threading.Event()
        step, cancel = worker.engine.step, worker.engine.cancel

        def gated_step() -> Any:
            self.reached.set()
            self._allowed.acquire()
            return step()

        def seen_cancel(key: Any) -> None:
            cancel(key)
            self.cancelled.append(key)
            self.let_go.set()

        patch.setattr(worker.engine, "step", gated_step)
        patch.setattr(worker.engine, "cancel", seen_cancel)

    def open(self, steps: int = 1) -> None:
        """Allow so many steps more."""
        self._allowed.release(steps)


@contextmanager
def serving(
    worker: Worker,
    name: str = "tiny",
    *,
    token: str | None = TOKEN,
    collector: Collector | None = None,
    recorder: Recorder | None = None,
    weights: WeightStore | None = None,
) -> Iterator[Served]:
    """Serve until the block ends. The socket listens before the server runs, so that no client comes too early."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = make_app(worker, name, token=token, collector=collector, recorder=recorder, weights=weights)
        config = uvicorn.Config(app, log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        served = Served(worker, name, listening.getsockname()[1])
        try:
            assert served.get("/health")[0] == 200
            yield served
        finally:
            served.client.close()
            server.should_exit = True
            thread.join()
