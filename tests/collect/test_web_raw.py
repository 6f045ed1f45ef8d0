"""Bytes that no browser sends: every request is answered, and none as a fault of the server's."""

import socket
from collections.abc import Iterator
from pathlib import Path

from small_studies import lay_out, opened, served

HOST = b"Host: localhost\r\n"
KINDS = (b"", b"multipart/form-data", b"multipart/form-data; boundary=\xff", b"text/plain; charset=nonsense")
BODIES = (b"", b"{}", b"a=%zz&%", b"=" * 400, b"%ff=1", b"a=\x00", b"\x1f\x8b\x08\x00junk", b"a=1&a=2")


def requests(tag: bytes) -> Iterator[bytes]:
    """Cookies, paths, headers, bodies and lengths that make no sense."""
    person = b"Cookie: accord-person-" + tag
    for header in (
        b"Cookie: \xff\xfe=\x80; a=b",
        person + b"=\xc3\xa9\xff; ;;;=;=",
        person + b"=" + b"z" * 60_000,
        b"Cookie: " + b"a=b; " * 14_000,
        b"X-Forwarded-For: \xff, [::1, %eth, 1.2.3.4:99",
        b"X-Forwarded-Proto: \xff",
        b"Sec-Fetch-Site: \xff",
        b"Host: localhost",
    ):
        yield b"GET /work HTTP/1.1\r\n" + HOST + header + b"\r\n\r\n"
    for target in (
        b"/%ff%fe%00",
        b"/join/%00%ff",
        b"/join/" + b"a" * 20_000,
        b"/admin?page=%ff",
        b"/admin?page=" + b"9" * 5_000,
        b"http://[::1/",
        b"//elsewhere//x",
        b"*",
    ):
        yield b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    post = b"POST /join/x HTTP/1.1\r\n" + HOST
    for kind in KINDS:
        for body in BODIES:
            head = b"Content-Type: " + kind + b"\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
            yield post + head + body
    for length in (
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ):
        yield post + length


def test_nothing_that_is_sent_is_the_servers_fault(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, served(desk) as url:
        port = int(url.rsplit(":", 1)[1])
        for sent in requests(desk.tag.encode()):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(sent)
                status = connection.recv(100).split(b" ")[1]
            assert (status[:1] in b"34", status, sent[:120]) == (True, status, sent[:120])
