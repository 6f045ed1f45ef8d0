"""What nobody may do, and what nobody gets to see."""

import logging
import re
import socket
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from litestar.routes import HTTPRoute
from small_studies import PASSWORD, Clock, Forms, Visitor, lay_out, opened, served, token_in, visiting

from accord.collect import Desk
from accord.collect.web.app import make_app
from accord.collect.web.security import Limiter
from accord.errors import LedgerError, StorageError
from accord.feedback import Ledger


def routes(desk: Desk, method: str) -> list[str]:
    """Every path of the app that takes the method, with something in the place of its parameters."""
    app = make_app(desk)
    routes = [route for route in app.routes if isinstance(route, HTTPRoute) and method in route.methods]
    return sorted({re.sub(r"\{\w+:\w+\}", "x", route.path) for route in routes})


def test_every_form_needs_its_token(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        other, person = visitor(), visitor()
        for member in (other, person):
            member.join(desk.invite().token)
            member.sign_in()
        theirs = token_in(other.get("/work").text)
        paths = routes(desk, "POST")
        assert len(paths) == 21
        for path in paths:
            for form in ({}, {"_csrf": ""}, {"_csrf": "0" * 64}, {"_csrf": theirs}):
                refused = person.client.post(path, data={"name": "kim", **form})
                assert (path, refused.status_code) == (path, 403)
                assert "cannot be taken" in refused.text
        assert desk.progress().rows == 0


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_forms_of_other_sites_are_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        path, form = person.work()
        sent = {**form, "preferred": "left"}
        assert person.client.post(path, data=sent, headers=headers).status_code == 403
        own = {"origin": str(person.client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
        assert person.client.post(path, data=sent, headers=own).status_code == 303


def test_forms_come_from_the_public_address_whatever_the_proxy_calls_us(tmp_path: Path) -> None:
    url = "https://study.example.org"
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk, public_url=url) as visitor:
        client = visitor().client
        page = client.get("/admin/sign-in")
        cookie = {"cookie": page.headers["set-cookie"].split(";")[0]}
        form = {"_csrf": token_in(page.text), "name": "kim", "password": "x"}
        for origin, message in ((url, "Name or password is wrong"), (f"{url}.evil.example", "cannot be taken")):
            answer = client.post("/admin/sign-in", data=form, headers={**cookie, "origin": origin})
            assert message in answer.text


def test_what_was_written_is_on_the_page_that_refuses_it(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path, "critique"), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        refused = person.client.post(person.work()[0], data={"text": "an hour's work </textarea><script>"})
        assert refused.status_code == 403
        assert "an hour&#39;s work &lt;/textarea&gt;&lt;script&gt;" in refused.text


def test_nobody_reaches_what_is_in_other_hands(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with opened(lay_out(tmp_path, "critique"), ledger) as desk, visiting(desk) as visitor:
        one, two = visitor(), visitor()
        for member in (one, two):
            member.join(desk.invite().token)
        (path, _), (_, form) = one.work(), two.work()
        for where in (path, f"{path}/draft", "/work/r-0000000000", "/work/'; DROP TABLE feedback; --"):
            refused = two.client.post(where, data={**form, "text": "not mine"})
            assert refused.status_code == 400
            assert "not in your hands" in refused.text
        assert "not mine" not in one.get("/work").text
    with Ledger(ledger, write=False) as opened_ledger:
        assert list(opened_ledger.feedback()) == []


def test_another_study_on_the_same_ledger_is_out_of_reach(tmp_path: Path) -> None:
    ledger = tmp_path / "people.db"
    with (
        opened(lay_out(tmp_path), ledger) as first,
        opened(lay_out(tmp_path, "critique"), ledger) as second,
        visiting(first) as here,
        visiting(second) as there,
    ):
        person, stranger = here(), there()
        person.join(first.invite().token)
        path, form = person.work()
        session = person.client.cookies[f"accord-person-{first.tag}"]
        stranger.client.cookies.set(f"accord-person-{second.tag}", session)
        assert stranger.get("/work").status_code == 401
        stranger.join(second.invite().token)
        token = stranger.work()[1]["_csrf"]
        assert stranger.client.post(path, data={**form, "_csrf": token, "preferred": "left"}).status_code == 400
        assert there().get(f"/join/{first.invite().token}").status_code == 403


def test_admin_pages_need_the_sign_in(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        person = visitor()
        person.join(desk.invite().token)
        token = token_in(person.get("/admin/sign-in").text)
        inside = [path for path in {*routes(desk, "GET"), *routes(desk, "POST")} if path.startswith("/admin")]
        for path in set(inside) - {"/admin/sign-in"}:
            for tried in (person.client.get(path), person.client.post(path, data={"_csrf": token})):
                assert (path, tried.status_code in {303, 405}) == (path, True)
                assert tried.headers.get("location", "/admin/sign-in") == "/admin/sign-in"
        # an evaluator's session is none of an admin's
        session = person.client.cookies[f"accord-person-{desk.tag}"]
        person.client.cookies.set(f"accord-admin-{desk.tag}", session)
        assert person.client.get("/admin").status_code == 303
        assert person.client.get("/work").status_code == 200


def test_signing_in_is_limited_and_gives_a_fresh_session(tmp_path: Path) -> None:
    clock = Clock()
    with opened(lay_out(tmp_path), tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin = visitor()
        assert admin.sign_in().url.path == "/admin"
        first = admin.client.cookies[f"accord-admin-{desk.tag}"]
        assert admin.post("/admin/sign-out", seen="/admin").url.path == "/admin/sign-in"
        admin.client.cookies.set(f"accord-admin-{desk.tag}", first)
        assert admin.client.get("/admin").status_code == 303  # the session is gone on the server too
        guesser = visitor()
        for _ in range(10):
            assert guesser.sign_in(password="guess").status_code == 403
        locked = guesser.sign_in()
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) > 0
        clock.go_on(301)
        assert guesser.sign_in().url.path == "/admin"
        clock.go_on(13 * 3600)
        assert guesser.client.get("/admin").status_code == 303  # and ends by itself


def test_headers_of_every_answer(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        answers = [person.client.get(path) for path in ("/", "/static/accord.js", "/nowhere", "/health", "/admin")]
        answers += [person.client.post("/undo"), person.client.post("/work/x", content=b"x" * 2_000_000)]
        for answer in answers:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["x-frame-options"] == "DENY"
        assert "no-store" in answers[0].headers["cache-control"]
        assert "immutable" in answers[1].headers["cache-control"]


def test_no_page_has_a_script_or_a_style_of_its_own(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path, practice=True), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        person = visitor()
        pages = [person.get(f"/join/{desk.invite().token}"), person.join(desk.invite().token)]
        pages += [person.get(path) for path in ("/work", "/instructions", "/pause", "/nowhere")]
        pages += [person.sign_in(), *(person.get(f"/admin/{path}") for path in ("people", "disputed", "export"))]
        for page in pages:
            (script,) = re.findall(r"<script[^>]*>", page.text)
            assert script.startswith('<script src="/static/accord.js?v=')
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page.text)


@pytest.mark.parametrize(("url", "secure"), [("https://study.example.org", True), (None, False)])
def test_the_flags_of_cookies(tmp_path: Path, url: str | None, secure: bool) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk, public_url=url) as visitor:
        desk.set_admin("kim", PASSWORD)
        client = visitor().client
        cookies: dict[str, str] = {}

        def ask(method: str, path: str, form: dict[str, str] | None = None) -> httpx.Response:
            sent = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
            answer: httpx.Response = client.request(method, path, data=form, headers=sent)
            for line in answer.headers.get_list("set-cookie"):
                (morsel,) = SimpleCookie(line).values()
                cookies[morsel.key] = morsel.value
                assert morsel["httponly"]
                assert morsel["samesite"] == "lax"
                assert morsel["path"] == "/"
                assert bool(morsel["secure"]) == secure
                assert morsel.key.startswith("__Host-") == secure
                assert not morsel["domain"]
            client.cookies.clear()
            return answer

        join = f"/join/{desk.invite().token}"
        ask("POST", join, {"_csrf": token_in(ask("GET", join).text), "consent": "1"})
        form = {"_csrf": token_in(ask("GET", "/admin/sign-in").text), "name": "kim", "password": PASSWORD}
        signed = ask("POST", "/admin/sign-in", form)
        assert signed.status_code == 303
        assert len(cookies) == 4
        assert ("strict-transport-security" in signed.headers) == secure
        page = ask("GET", "/admin/people").text
        page_with_link = ask("POST", "/admin/people/invite", {"_csrf": token_in(page), "days": "3"}).text
        assert f"{url or client.base_url}/join/".replace("80//", "80/") in page_with_link.replace("&#34;", '"')


def test_strange_names_of_this_machine_are_refused(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        for host in ("evil.example", "127.0.0.1.evil.example"):
            assert visitor().client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"text=%FF", 400, "not UTF-8"),
        (b"text=\xc3\x28", 400, "not UTF-8"),
        (b"x=1&x=2", 400, "sent twice"),
        (b"&".join(b"f%d=" % n for n in range(600)), 400, "more than 500 fields"),
        (b"text=" + b"x" * 500_000, 413, "too long"),
        (b"{}", 403, "cannot be taken"),
        (b"", 403, "cannot be taken"),
    ],
)
def test_bodies_that_make_no_sense(tmp_path: Path, body: bytes, status: int, message: str) -> None:
    with opened(lay_out(tmp_path, "critique"), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        path = person.work()[0]
        refused = person.client.post(path, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        assert refused.status_code == status
        assert message in refused.text


def test_the_longest_text_that_a_study_takes_fits(tmp_path: Path) -> None:
    study = lay_out(tmp_path, "demonstration", more="longest = 60000")
    with opened(study, tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)
        assert person.answer(text="\U0001f600" * 60_000).status_code == 200
        assert person.answer(text="\U0001f600" * 60_001).status_code == 400
        assert desk.progress().rows == 1


@pytest.mark.parametrize(("fault", "status"), [(RuntimeError, 500), (LedgerError, 503), (StorageError, 503)])
def test_no_path_and_no_trace_is_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: type[Exception],
    status: int,
) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        person.join(desk.invite().token)

        def fail(*_: object) -> None:
            raise fault(f"{tmp_path}/people.db broke")

        monkeypatch.setattr(desk, "next", fail)
        with caplog.at_level(logging.ERROR, logger="accord.collect"):
            page = person.get("/work")
        assert page.status_code == status
        for secret in (str(tmp_path), "people.db", "Traceback", "RuntimeError", "site-packages"):
            assert secret not in page.text
        assert "people.db broke" in caplog.text or "people.db broke" in str(caplog.records[0].exc_info)


@pytest.mark.parametrize(
    "path", ["/static/..%2fapp.py", "/static/../app.py", "/static/x", "/schema", "/schema/openapi.json"]
)
def test_nothing_else_is_served(tmp_path: Path, path: str) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person: Visitor = visitor()
        with socket.create_connection((person.client.base_url.host, person.client.base_url.port)) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            head = raw.makefile("rb").read()
        assert b" 404 " in head.split(b"\r\n")[0]


def test_a_flood_of_links_is_slowed_down(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        person = visitor()
        token = token_in(person.get(f"/join/{desk.invite().token}").text)
        statuses = [
            person.client.post("/join/x.y", data={"_csrf": token, "consent": "1"}).status_code for _ in range(42)
        ]
        assert statuses[:40] == [403] * 40
        assert statuses[40:] == [429] * 2


def test_notes_of_a_person_are_escaped(tmp_path: Path) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        person, admin = visitor(), visitor()
        person.join(desk.invite().token, name="<script>alert(1)</script>")
        person.answer(declined="1", reason="<script>alert(2)</script>")
        admin.sign_in()
        (one,) = desk.progress().people
        admin.post(f"/admin/people/{one.pseudonym}/pause", {"why": "<script>alert(3)</script>"}, seen="/admin/people")
        for path in ("/admin", "/admin/people", "/admin/disputed"):
            assert "<script>alert" not in admin.get(path).text
        assert Forms(person.get("/work").text).forms == {}


MALFORMED = (
    "[::1",
    "localhost:x",
    "localhost:99999",
    "u@localhost",
    "local host",
    "localhost,x",
    "h\u00f6st",
    "[::1]x",
)


@pytest.mark.parametrize("everywhere", [False, True])
def test_what_names_no_host_is_a_bad_request(tmp_path: Path, everywhere: bool) -> None:
    more = {"hosts": None} if everywhere else {}
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk, **more) as visitor:
        client = visitor().client
        page = client.get("/admin/sign-in")
        form = {"_csrf": token_in(page.text), "name": "kim", "password": "x"}
        for host in MALFORMED:
            for headers in ({"host": host.encode("latin-1")}, {"origin": b"http://" + host.encode("latin-1")}):
                for path in ("/", "/health", "/admin"):
                    assert (host, client.get(path, headers=headers).status_code) == (host, 400)
                assert client.get("/nowhere", headers=headers).status_code in {400, 404}
                assert client.post("/admin/sign-in", data=form, headers=headers).status_code == 400


def from_address(person: Visitor, address: str) -> Visitor:
    """The visitor, as the proxy in front says where they come from."""
    person.client.headers["x-forwarded-for"] = address
    return person


def test_strangers_cannot_keep_whoever_runs_the_study_out(tmp_path: Path) -> None:
    """They guess from several addresses, for as long as they like."""
    clock = Clock()
    with opened(lay_out(tmp_path), tmp_path / "people.db", clock) as desk, visiting(desk, clock) as visitor:
        desk.set_admin("kim", PASSWORD)
        office = from_address(visitor(), "192.0.2.1")
        assert office.sign_in().url.path == "/admin"
        office.post("/admin/sign-out", seen="/admin")
        guessers = [from_address(visitor(), address) for address in ("192.0.2.1", "198.51.100.7")]
        for number in range(2):
            for guesser in guessers:
                assert [guesser.sign_in(password="guess").status_code for _ in range(11)] == [403] * 10 + [429]
            assert office.sign_in().url.path == "/admin", "a browser that is known, from an address that is limited"
            office.post("/admin/sign-out", seen="/admin")
            travelling = from_address(visitor(), f"203.0.113.{number}")
            assert travelling.sign_in().url.path == "/admin", "a new browser, from an address of its own"
            clock.go_on(301)
        assert [office.sign_in(password="guess").status_code for _ in range(11)] == [403] * 10 + [429]
        clock.go_on(301)
        desk.set_admin("kim", PASSWORD + "2")
        assert guessers[0].sign_in(password="guess").status_code == 403
        assert [office.sign_in(password="guess").status_code for _ in range(10)] == [403] * 9 + [429]


@pytest.mark.parametrize(
    "addresses", [[f"2001:db8:1:2:{n:x}::{n}" for n in range(1, 13)], ["::ffff:192.0.2.5", "192.0.2.5"] * 6]
)
def test_a_visitor_with_many_addresses_is_one_visitor(tmp_path: Path, addresses: list[str]) -> None:
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        person = visitor()
        statuses = [from_address(person, each).sign_in(f"kim{each}", "guess").status_code for each in addresses]
        assert statuses == [403] * 10 + [429] * 2
        assert from_address(person, "2001:db8:1:3::1").sign_in().url.path == "/admin"


def test_two_studies_of_one_ledger_have_admins_and_cookies_of_their_own(tmp_path: Path) -> None:
    """One browser on two ports of one host: a browser sends the cookies of one to the other."""
    ledger = tmp_path / "people.db"
    with (
        opened(lay_out(tmp_path), ledger) as first,
        opened(lay_out(tmp_path, "critique"), ledger) as second,
        served(first) as here,
        served(second) as there,
        httpx.Client(timeout=60) as client,
    ):
        first.set_admin("kim", PASSWORD)
        second.set_admin("lee", PASSWORD)
        person = Visitor(client)
        for url, name, other in ((here, "kim", "lee"), (there, "lee", "kim")):
            client.base_url = url
            assert person.sign_in(other).status_code == 403
            assert person.sign_in(name).url.path == "/admin"
        for url, desk in ((here, first), (there, second)):
            client.base_url = url
            assert person.get("/admin").url.path == "/admin"
            assert person.join(desk.invite().token).status_code == 200
        for url in (here, there):
            client.base_url = url
            assert person.get("/work").url.path == "/work"
        session = client.cookies[f"accord-admin-{first.tag}"]
        assert first.sessions.find(session) is not None
        assert second.sessions.find(session) is None
        client.cookies.set(f"accord-admin-{second.tag}", session, domain="127.0.0.1")
        assert client.get("/admin").status_code == 303


def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.collect.web.security.MAX_KEYS", 5)
    clock = Clock()
    limiter = Limiter(2, 60, clock)
    for number in range(100):
        assert limiter.wait(f"asked {number}") == 0
        limiter.count(f"tried {number}")
    assert len(limiter._tries) == 5
    limiter.count("tried 99")
    assert limiter.wait("tried 99") > 0
    clock.go_on(61)
    assert limiter.wait("tried 99") == 0
