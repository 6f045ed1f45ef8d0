"""Names of hosts, and a server that connections which send nothing cannot stop."""

import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from accord.web_server import LOOPBACK, GuardedConnection, Host, connections_allowed, host_of, hosts_served, origin_host


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", Host("localhost")),
        ("LOCALHOST:8100", Host("localhost", 8100)),
        ("study.example.org:", Host("study.example.org")),
        ("127.0.0.1:80", Host("127.0.0.1", 80)),
        ("[::1]:80", Host("::1", 80)),
        ("[0:0:0:0:0:0:0:1]", Host("::1")),
        ("my_host-1.local.", Host("my_host-1.local.")),
        *(
            (wrong, None)
            for wrong in (
                "", "[::1", "::1", "[::1]x", "[1:2]", "[::1%eth0]", "a:b", "a:-1", "a:65536", "a:123456", "a b", " a",
                "u@a", "a/", "a?", "a#", "a,b", "-a", ".", "h\u00f6st", "a\u0000", "a:80:80", "[]", "a:\u0661",
                "a" * 300,
            )
        ),
    ],
)  # fmt: skip
def test_what_a_host_header_names(header: str, host: Host | None) -> None:
    assert host_of(header) == host
    assert origin_host(f"https://{header}") == (host if header != "a/" else None)


@pytest.mark.parametrize(
    "origin", ["", "null", "localhost", "http://", "http:///x", "//localhost", "http://a/b", "1://a"]
)
def test_what_is_no_origin(origin: str) -> None:
    assert origin_host(origin) is None


APP = """
import resource, socket, sys
from accord.web_server import GuardedConnection, run_server

class Connection(GuardedConnection):
    HEAD_SECONDS, BODY_SECONDS = float(sys.argv[1]), float(sys.argv[1])

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    with open("/dev/null"):  # what a store does
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
    print(listening.getsockname()[1], flush=True)
    run_server(app, listening, connection=Connection)
"""
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def running(seconds: float) -> Iterator[Any]:
    """A way to connect to a server that may have 256 files open and waits so long for a request."""
    server = subprocess.Popen(
        [sys.executable, "-c", APP, str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    try:
        with ExitStack() as stack:
            yield lambda: stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=30)[1] == ""  # no file was lacking, and nothing was waited for
            assert server.returncode == 0
    finally:
        server.kill()
        server.communicate()


def answered(connection: socket.socket) -> bool:
    connection.sendall(ASK)
    answer = b""
    while not answer.endswith(b"ok") and (more := connection.recv(1000)):
        answer += more
    return answer.startswith(b"HTTP/1.1 200")


BEGINNINGS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: loc",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_more_half_open_connections_than_files(beginning: bytes) -> None:
    with running(seconds=600) as connect:
        early = connect()
        assert answered(early)
        for _ in range(300):
            connect().sendall(beginning)
        for _ in range(5):
            assert answered(connect())
        for _ in range(300):
            connect().sendall(beginning)
        assert answered(connect())


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_who_sends_no_request_is_left_and_a_trickle_earns_no_time(beginning: bytes) -> None:
    with running(seconds=0.4) as connect:
        idle, slow = connect(), connect()
        slow.sendall(beginning)
        began = time.monotonic()
        assert idle.recv(1) == b""
        with suppress(ConnectionError):
            while time.monotonic() < began + 20:
                slow.sendall(b"a")
                time.sleep(0.05)
        assert time.monotonic() < began + 20
        kept = connect()
        assert answered(kept)
        time.sleep(0.6)
        assert answered(kept)  # between two requests there is more time


def test_connections_are_fewer_than_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, allowed in ((64, 16), (256, 64), (1024, 832), (1_048_576, 4096), (resource.RLIM_INFINITY, 4096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections_allowed() == allowed
    assert GuardedConnection.HEAD_SECONDS < GuardedConnection.BODY_SECONDS


def test_what_listens_everywhere_is_asked_by_any_name() -> None:
    assert hosts_served("0.0.0.0") is None
    assert hosts_served("::") is None
    assert hosts_served("10.0.0.5") == {*LOOPBACK, "10.0.0.5"}
