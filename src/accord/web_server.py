"""What the pages of a study and the endpoint of a model share: names of hosts, and a server that a crowd cannot stop.

A connection holds a file of this process, so whoever opens many and sends nothing could keep everybody else out. Each
connection has so long to bring its request whole, and where there are too many, the one that has waited longest
without a request at work gives way to the newest.
"""

import asyncio
import ipaddress
import re
import resource
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = [
    "LOOPBACK",
    "GuardedConnection",
    "Host",
    "connections_allowed",
    "host_of",
    "hosts_served",
    "origin_host",
    "run_server",
]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104
KEEP_ALIVE = 75  # seconds that a connection stays open while somebody thinks
STOPPING = 5  # seconds that requests may still take once the server is to end
BACKLOG = 16  # connections taken from the queue in one turn of the loop; a connection is told of within four
QUEUE = 2048  # connections that wait to be taken
FILES_OF_OURS = 128  # for the store's connections, the model, whatever else is open
MOST, FEWEST = 4096, 16  # connections at once, whatever the limit of files

_NAME = r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?)"
_HOST = re.compile(rf"{_NAME}(?::(?P<port>[0-9]{{1,5}})?)?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<host>[^/?#@]+)")


@dataclass(frozen=True)
class Host:
    """A host and its port (None where it is the scheme's own); the name in lower case, IPv6 without brackets."""

    name: str
    port: int | None = None


def hosts_served(listening_at: str) -> set[str] | None:
    """The names by which a server may be asked that listens there; None where it listens at every address."""
    return None if listening_at in EVERY_ADDRESS else {*LOOPBACK, listening_at}


def host_of(header: str) -> Host | None:
    """What a `Host` header names; None where it is no host and port (RFC 9110, section 7.2)."""
    match = _HOST.fullmatch(header)
    if match is None:
        return None
    name = match["name"].lower()
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > 65_535:
        return None
    if name.startswith("["):
        name = name[1:-1]
        try:
            name = str(ipaddress.IPv6Address(name))
        except ValueError:
            return None
    return Host(name, port)


def origin_host(header: str) -> Host | None:
    """The host of an `Origin` header (RFC 6454, section 7); None where it has none that can be read."""
    match = _ORIGIN.fullmatch(header)
    return None if match is None else host_of(match["host"])


def connections_allowed() -> int:
    """How many connections may be open at once, by this process's limit of files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(FEWEST, min(MOST, soft - FILES_OF_OURS - 4 * BACKLOG))


class GuardedConnection(H11Protocol):
    """A connection that has to bring its request in time, and gives way where there are too many."""

    HEAD_SECONDS: ClassVar[float] = 10.0  # until the headers are here, from the first byte or the opening on
    BODY_SECONDS: ClassVar[float] = 60.0  # until the body is

    _deadline: asyncio.TimerHandle | None = None
    _awaited = ""  # "head", "body", or "" where a request is at work or nothing has come after the last
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Await the headers; where there are too many connections, the one that waited longest is closed."""
        super().connection_made(transport)
        self._await("head")
        if len(self.connections) > connections_allowed():
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what came, and await what is missing."""
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.IDLE:
            self._await("head")
        else:
            self._await("body" if state is h11.SEND_BODY else "")

    def on_response_complete(self) -> None:
        """The keep-alive limit holds from now on, or that of a body which is still coming."""
        self._since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is not h11.SEND_BODY:
            self._await("")

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._await("")
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server is to end: a request that is not whole is not waited for."""
        if self._awaited == "body":
            self._give_up()
        else:
            super().shutdown()

    @property
    def at_work(self) -> bool:
        """Whether a whole request is being answered."""
        ours, theirs = self.conn.our_state, self.conn.their_state
        return ours in (h11.SEND_RESPONSE, h11.SEND_BODY) and theirs is not h11.SEND_BODY

    def _await(self, what: str) -> None:
        """Wait for `what` from now on, unless that is what is waited for already: a trickle earns no more time."""
        if what == self._awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._awaited, self._deadline = what, None
        if what:
            self._since = self.loop.time()
            seconds = self.HEAD_SECONDS if what == "head" else self.BODY_SECONDS
            self._deadline = self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        """Close the connection that has waited longest without a request at work; this one where all are at work."""
        waiting = [other for other in self.connections if isinstance(other, GuardedConnection) and not other.at_work]
        others = [other for other in waiting if other is not self]
        min(others, key=lambda other: other._since, default=self)._give_up()


def run_server(
    app: Any, listening: socket.socket, *, proxy: str | None = None, connection: type[H11Protocol] = GuardedConnection
) -> None:
    """Serve an ASGI app on a socket until Ctrl-C. `proxy` is the address of a proxy in front: it says who asks."""
    config = uvicorn.Config(
        app,
        http=connection,
        ws="none",
        log_level="warning",
        lifespan="on",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        timeout_graceful_shutdown=STOPPING,
    )
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Takes few connections a turn from a long queue; asyncio has one number for both."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(QUEUE)
