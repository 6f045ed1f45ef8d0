"""An OpenAI-compatible endpoint of a test's own: it answers by a function of what it was sent, and notes all of it."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["SILENCE", "Answers", "answer_key", "last_message", "spoken", "talking"]

SILENCE = object()
"""Sent instead of an answer: the connection stays open and nothing comes."""

Answers = Callable[[dict[str, Any]], Any]
"""What a request is answered with: a text, (status, body), or `SILENCE`."""


def last_message(body: dict[str, Any]) -> str:
    """What was said last."""
    return str(body["messages"][-1]["content"])


def answer_key(body: dict[str, Any]) -> str:
    """The key behind which the answer is to be given."""
    return str(re.findall(r"^ANSWER (\w+):", last_message(body), re.MULTILINE)[-1])


def spoken(text: str, *, finish: str = "stop") -> str:
    """A reply as such an endpoint sends it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    counts = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": counts})


@contextmanager
def talking(answers: Answers, port: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve until the block ends: the address, and the bodies of all requests so far."""
    bodies: list[dict[str, Any]] = []
    ending = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, json.dumps({"data": [{"id": "talker"}]}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            bodies.append(body)
            answer = answers(body)
            if answer is SILENCE:
                ending.wait()
                return
            status, content = (200, spoken(answer)) if isinstance(answer, str) else answer
            self._send(status, content)

        def _send(self, status: int, content: str) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            ending.set()
            server.shutdown()
            thread.join()
