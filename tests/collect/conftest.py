"""Lots that repeat: names of people decide what they are asked, and are drawn anew in earnest."""

import secrets
from random import Random

import pytest


@pytest.fixture(autouse=True)
def _names_that_repeat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pseudonyms and reservations of this process come from a generator that the test's own name seeds."""
    random = Random(request.node.nodeid)
    monkeypatch.setattr(secrets, "token_hex", lambda count=32: random.randbytes(count).hex())
