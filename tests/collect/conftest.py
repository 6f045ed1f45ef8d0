"""Lots that repeat: names decide what people are asked, and are drawn anew in earnest. Passwords are hashed fast."""

import secrets
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from argon2 import PasswordHasher
from in_browser import CHROMIUM

from accord.collect.desk import sign_in

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # in earnest a fifth of a second each


@pytest.fixture(autouse=True)
def _names_that_repeat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pseudonyms and reservations of this process come from a generator that the test's own name seeds."""
    random = Random(request.node.nodeid)
    monkeypatch.setattr(secrets, "token_hex", lambda count=32: random.randbytes(count).hex())


@pytest.fixture(autouse=True)
def _passwords_that_are_hashed_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_hasher", lambda: FAST)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for the tests of a file; while it is open, no other event loop can run."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()
