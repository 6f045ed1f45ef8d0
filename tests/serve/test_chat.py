"""Talking to one model on a page."""

import re
import threading
from typing import Any

import pytest
from chatting import Visitor, chatting, speaker

from accord.errors import ModelError
from accord.records import Message, Prompt, Sampling
from accord.serve.chat.app import make_chat_app


def answers(page: str) -> list[str]:
    """The texts of the answers, tags left out."""
    found = re.findall(
        r'<div class="turn assistant">(.*?)</div>\n</div>|<div class="turn assistant">(.*?)\n</div>', page, re.S
    )
    return [re.sub("<[^>]+>", "", first or second) for first, second in found]


def test_a_conversation_of_several_turns_keeps_the_template_and_the_history() -> None:
    one = speaker("demo")
    with chatting(one) as url:
        visitor = Visitor(url)
        assert "You talk to <strong>demo</strong>. Nothing that is said here is kept." in visitor.get()
        asked: list[Prompt] = []
        encode = one.worker.causal.encode_prompt
        one.worker.causal.encode_prompt = lambda prompt: asked.append(prompt) or encode(prompt)  # type: ignore[method-assign, func-returns-value]
        visitor.send("/say", text="First.")
        assert visitor.status == 200
        visitor.whole()
        assert visitor.page.count('class="turn assistant"') == 1
        visitor.send("/say", text="Second.\r\nAnd a line.<script>")
        assert "<script>" not in visitor.page
        visitor.whole()
    roles = [[message.role for message in prompt.messages] for prompt in asked]
    assert roles == [["user"], ["user", "assistant", "user"]]
    assert asked[1].messages[2] == Message(role="user", content="Second.\nAnd a line.<script>")


def test_the_stream_tells_the_text_from_its_beginning() -> None:
    with chatting(speaker("demo", max_tokens=20)) as url:
        visitor = Visitor(url)
        visitor.get()
        visitor.send("/say", text="Go on.")
        (path,) = re.findall(r'data-follow="([^"]+)"', visitor.page) or [""]
        visitor.whole()
        if path:
            with visitor.opener.open(url + path) as again:
                assert again.headers["content-type"].startswith("text/event-stream")
                told = again.read().decode()
            assert told.endswith("event: end\ndata: \n\n")
        assert visitor.opener.open(f"{url}/health").read() == b"ok"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("temperature", "hot", "Temperature: give a number from 0 to 2."),
        ("temperature", "nan", "Temperature: give a number from 0 to 2."),
        ("temperature", "2.5", "Temperature: give a number from 0 to 2."),
        ("top_p", "0", "Top-p: give a number from 0.01 to 1."),
        ("top_k", "-1", "Top-k: give a whole number from 0 to 1,000."),
        ("max_tokens", "0", "Tokens at most: give a whole number from 1 to"),
        ("max_tokens", "999999", "Tokens at most: give a whole number from 1 to"),
        ("seed", "1.5", "Seed: give a whole number"),
        ("text", " \n ", "Nothing was written"),
        ("text", "NUL \0", "a character that cannot be kept"),
    ],
)
def test_what_cannot_be_taken_is_said_and_what_was_typed_stays(
    page: Visitor, field: str, value: str, said: str
) -> None:
    page.get()
    page.send("/say", **{"text": "What I typed.", field: value})
    assert page.status == 400
    assert said in page.page
    if field != "text":
        assert "What I typed." in page.page


@pytest.fixture(scope="module")
def page() -> Any:
    with chatting(speaker("demo")) as url:
        yield Visitor(url)


def test_settings_of_the_run_are_shown_and_stay_as_changed(page: Visitor) -> None:
    page.get()
    page.send("/new")
    assert 'name="max_tokens" min="1"' in page.page
    assert 'value="8"' in page.page
    page.send("/say", text="Say.", temperature="1.5", top_p="0.9", top_k="5", max_tokens="3", seed="7")
    page.whole()
    for shown in ('value="1.5"', 'value="0.9"', 'value="5"', 'value="3"', 'value="7"'):
        assert shown in page.page, shown


def test_a_form_for_another_state_is_refused(page: Visitor) -> None:
    page.get()
    page.send("/new")
    stale = dict(page.hidden)
    page.send("/say", text="Say.")
    page.whole()
    page.send("/say", **{**stale, "text": "Say it twice."})
    assert page.status == 409
    assert "This came too late" in page.page
    assert "Say it twice." in page.page, "what was typed is not lost"
    page.get()
    page.send("/say", conversation="another", text="Elsewhere.")
    assert page.status == 409


def test_forms_of_others_are_refused(page: Visitor) -> None:
    page.get()
    page.send("/say", text="Say.", _csrf="0" * 64)
    assert page.status == 403
    page.get()
    page.send("/say", {"origin": "http://evil.example"}, text="Say.")
    assert page.status == 403
    page.get()
    page.send("/say", {"host": "evil.example"}, text="Say.")
    assert page.status == 400
    fresh = Visitor(page.url)
    fresh.send("/say", text="Without a cookie.")
    assert fresh.status == 403
    assert page.get("/nowhere").count("There is no such page") == 2
    assert page.get("/standings").count("There is no such page") == 2, "nothing is voted on here"
    page.get("/follow/x/1")
    assert page.status == 404


def test_too_long_a_conversation_is_said_so(page: Visitor) -> None:
    page.get()
    page.send("/new")
    page.send("/say", text="word " * 1000)
    assert page.status == 400
    assert "do not fit the model together" in page.page
    assert "word word" in page.page


def test_a_model_that_fails_in_mid_stream_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one = speaker("secret-name", max_tokens=12)
    step, count = one.worker.engine.step, iter(range(1000))

    def failing() -> Any:
        if next(count) == 4:
            raise ModelError("secret-name broke")
        return step()

    monkeypatch.setattr(one.worker.engine, "step", failing)
    with chatting(one) as url:
        visitor = Visitor(url)
        visitor.get()
        visitor.send("/say", text="Say.", temperature="1", seed="5")
        visitor.whole()
        assert "A model failed before its answer was whole" in visitor.page
        assert "secret-name broke" not in visitor.page
        assert 'action="/say"' not in visitor.page, "nothing can be said until it is asked again, or begun anew"
        visitor.send("/say", text="Go on all the same.")
        assert visitor.status == 409
        visitor.get()
        visitor.send("/again")
        visitor.whole()
        assert "failed" not in visitor.page
        assert 'action="/say"' in visitor.page


def test_stopping_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    one = speaker("demo", max_tokens=200, temperature=1.0)
    step, allowed = one.worker.engine.step, threading.Semaphore(5)

    def gated() -> Any:
        allowed.acquire()
        return step()

    monkeypatch.setattr(one.worker.engine, "step", gated)
    with chatting(one) as url:
        visitor = Visitor(url)
        visitor.get()
        visitor.send("/say", text="Say.", seed="3")
        assert 'action="/stop"' in visitor.page
        visitor.send("/stop")
        allowed.release(1000)
        assert "Stopped here." in visitor.page
        assert 'action="/say"' in visitor.page
        visitor.send("/say", text="And on.")
        visitor.whole()
        assert visitor.page.count("turn assistant") == 2


def test_a_token_is_asked_for_once() -> None:
    with chatting(speaker("demo"), token="open sesame") as url:
        visitor = Visitor(url)
        assert "Show the token" in visitor.get()
        assert visitor.status == 401
        assert "demo" not in visitor.page
        visitor.send("/say", text="Say.")
        assert visitor.status == 401
        visitor.send("/sign-in", token="wrong")
        assert "That is not the token" in visitor.page
        visitor.get("/?token=open%20sesame")
        assert visitor.status == 200
        assert "You talk to" in visitor.page
        assert "sesame" not in visitor.address, "the token does not stay in the address"
        other = Visitor(url)
        other.get()
        for _ in range(20):
            other.get("/?token=guess")
        assert other.status == 429


def test_one_speaker_or_two_and_a_box() -> None:
    with pytest.raises(ValueError, match="one speaker, or two and a ballot box"):
        make_chat_app(speaker("a"), speaker("b"), token=None)


def test_sampling_is_that_of_the_run() -> None:
    assert speaker("a", top_k=3).sampling == Sampling(temperature=0.0, max_tokens=8, top_k=3)
