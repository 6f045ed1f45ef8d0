"""Bodies of forms, tokens and limits, without a page."""

from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_studies import Clock

from accord.collect.web.form_parsing import MAX_FIELDS, UnreadableError, read
from accord.collect.web.security import CookieJar, Limiter, form_token, tokens_match

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=30)


@given(st.dictionaries(WORDS, WORDS, max_size=8))
def test_a_form_is_read_as_it_was_sent(form: dict[str, str]) -> None:
    sent = {name: value for name, value in form.items() if name}
    assert read(urlencode(sent).encode()) == sent


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(UnreadableError):
        assert "\ufffd" not in "".join(read(body).values()) or b"%EF%BF%BD" in body or b"\xef\xbf\xbd" in body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"text=%FF", "not UTF-8"),
        (b"text=\xff\xfe", "not UTF-8"),
        (b"%C3=1", "not UTF-8"),
        (b"text=%ED%A0%80", "not UTF-8"),
        (b"text=1&text=2", "“text” was sent twice"),
        (b"&".join(b"f%d=" % n for n in range(MAX_FIELDS + 1)), "more than"),
    ],
)
def test_bodies_that_are_no_forms(body: bytes, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        read(body)


def test_line_ends_and_ticked_boxes() -> None:
    assert read(b"text=a%0D%0Ab%0Dc&chosen=x&chosen=y", {"chosen"}) == {"text": "a\nb\nc", "chosen": "x,y"}


def test_a_limit_and_its_end() -> None:
    clock = Clock()
    limit = Limiter(2, 60, clock)
    for _ in range(2):
        assert limit.wait("a") == 0
        limit.count("a")
        clock.go_on(10)
    assert limit.wait("a") == 40
    assert limit.wait("b") == 0
    clock.go_on(41)
    assert limit.wait("a") == 0
    clock.go_on(-3600)  # a clock that jumps back locks nobody out
    limit.count("a")
    clock.go_on(-3600)
    assert limit.wait("a") == 0


def test_a_flood_of_keys_is_forgotten() -> None:
    clock = Clock()
    limit = Limiter(2, 60, clock)
    for n in range(10_002):
        limit.count(str(n))
    clock.go_on(61)
    limit.count("x")
    assert len(limit._tries) == 10_000
    assert limit.wait("10001") == 0


def test_a_token_is_of_one_browser_and_one_session() -> None:
    token = form_token("browser", "session")
    assert tokens_match(token, form_token("browser", "session"))
    assert not tokens_match(token, form_token("other", "session"))
    assert not tokens_match(token, form_token("browser", "other"))
    assert not tokens_match("", token)
    assert not tokens_match("ü", token)


def test_cookies_behind_https_are_for_this_host_alone() -> None:
    secure, plain = (CookieJar("tag", secure=secure).cookie("person", "x") for secure in (True, False))
    assert (secure.key, secure.secure, secure.httponly, secure.samesite) == (
        "__Host-accord-person-tag",
        True,
        True,
        "lax",
    )
    assert (plain.key, plain.secure, plain.httponly, plain.samesite) == ("accord-person-tag", False, True, "lax")
