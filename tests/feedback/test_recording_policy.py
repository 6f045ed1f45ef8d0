"""A policy of recording: what a file may say, who is drawn, who may be recorded, what is taken out of texts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RecordingError, StorageError
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.redaction import Redaction, redact_prompt, redact_text
from accord.records import Message, Prompt

WHOLE = """
share = 0.25
seed = 4
keep = "measures"
consent = "opt-in"
notice = "In the terms of use."
days = 7
most = 100
requesters = false
[[redact]]
name = "phone"
pattern = '\\+?\\d{7,}'
"""


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(WHOLE)
    policy = RecordingPolicy.load(tmp_path / "policy.toml")
    assert (policy.share, policy.seed, policy.keep, policy.consent, policy.days) == (0.25, 4, "measures", "opt-in", 7.0)
    assert policy.summary == (
        "0.25 of requests, drawn by their ids and the seed 4; lengths, refusals and digests, no texts; without phone; "
        "of requests with `store: true` alone; for 7 days, 100 at most"
    )
    assert RecordingPolicy.of(policy.model_dump(mode="json"), place="again") == policy


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("share = 0", "policy.toml share: "),
        ("share = 1.5", "policy.toml share: "),
        ('share = "0.1"', "policy.toml share: .*not '0.1'"),
        ("share = nan", "policy.toml share: "),
        ("days = 0", "policy.toml days: "),
        ("most = 1.5", "policy.toml most: "),
        ('keep = "all"', "policy.toml keep: 'all' is not one of texts, measures"),
        ("shares = 0.1", "policy.toml shares: no such key; did you mean 'share'"),
        ("share = ", "policy.toml: not TOML"),
        ("redact = 5", "policy.toml redact: "),
        ("[[redact]]\nname = 'a'\npattern = '('", "pattern: no regular expression"),
        ("[[redact]]\nname = 'a'\npattern = 'x*'", "pattern: finds the empty text"),
        ("[[redact]]\nname = '<b>'\npattern = 'x'", "redact.0.name: "),
        ("[[redact]]\nname = 'a'\npattern = 'x'\n" * 2, "two patterns of `redact` have the same name"),
        ("notice = 2026-01-01\nseed = 1979-05-27", "policy.toml seed: "),
    ],
)
def test_what_is_no_policy_is_named_by_its_key(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(RecordingError, match=problem):
        RecordingPolicy.load(tmp_path / "policy.toml")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        RecordingPolicy.load(tmp_path / "nowhere.toml")
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordingError, match="not UTF-8"):
        RecordingPolicy.load(tmp_path / "policy.toml")


@given(st.floats(0.01, 1.0), st.integers(-5, 5))
def test_the_sample_has_the_share_and_grows_with_it(share: float, seed: int) -> None:
    policy = RecordingPolicy(share=share, seed=seed)
    names = [f"chatcmpl-{number}" for number in range(400)]
    drawn = np.array([policy.draws(name) for name in names])
    assert abs(drawn.mean() - share) <= 5 * np.sqrt(share * (1 - share) / 400) + 1e-9
    more = RecordingPolicy(share=min(1.0, share + 0.1), seed=seed)
    assert all(more.draws(name) for name, is_drawn in zip(names, drawn, strict=True) if is_drawn)


@pytest.mark.parametrize(
    ("consent", "store", "header", "allowed"),
    [
        ("opt-out", None, None, True),
        ("opt-out", True, "yes", True),
        ("opt-out", False, None, False),
        ("opt-out", None, " NO ", False),
        ("opt-out", True, "0", False),
        ("opt-in", None, None, False),
        ("opt-in", True, None, True),
        ("opt-in", True, "false", False),
    ],
)
def test_who_may_be_recorded(consent: str, store: bool | None, header: str | None, allowed: bool) -> None:
    policy = RecordingPolicy.of({"consent": consent}, place="p")
    assert policy.allows(store=store, header=header) is allowed


def test_patterns_are_taken_out_one_after_the_other() -> None:
    email, word = Redaction(name="email", pattern=r"\S+@\S+"), Redaction(name="name", pattern="(?i)anna")
    assert redact_text("Anna: anna@b.c", [email, word]) == ("[name]: [email]", 2)
    assert redact_text(r"a\1", [Redaction(name="x", pattern="a")]) == (r"[x]\1", 1)
    prompt = Prompt(messages=(Message(role="system", content="Be kind."), Message(role="user", content="I am Anna.")))
    changed, count = redact_prompt(prompt, [email, word])
    assert count == 1
    assert [message.content for message in changed.messages] == ["Be kind.", "I am [name]."]
    assert changed.id != prompt.id
    assert redact_prompt(prompt, [email]) == (prompt, 0)
