"""Feedback of a chat client: answers kept for their users, judged, judged anew, and everything that cannot be taken."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from running_server import MESSAGES, Served, serving

from accord.collect import Desk, Study
from accord.errors import StudyError
from accord.feedback import Ledger
from accord.lm.loading import load
from accord.records import Comparison, Correction, Critique, Label, Rating, Sampling, Scale
from accord.serve import Worker
from accord.serve.collecting import Collector
from accord.serve.requests import ChatRequest

STUDY = """
name = "chat"
title = "Chat"
consent = "What you ask and say of answers is kept under a pseudonym."
[chat]
agreed = "On joining the test, by its terms of March."
{more}
[[questions]]
kind = "comparison"
text = "Which is better?"
"""
THUMBS = ("up", "down")


@contextmanager
def collecting(folder: Path, more: str = "", **desk: Any) -> Iterator[tuple[Served, Desk]]:
    """A tiny model that is served, and a desk that takes what is said of it."""
    with Ledger(folder / "l.db", pooled=True) as ledger:
        opened = Desk(Study.parse(STUDY.format(more=more)), ledger, **desk)
        collector = Collector(opened)
        with serving(Worker(load("tiny", seed=1), slots=8), collector=collector) as served:
            yield served, opened
        collector.close()


def ask(served: Served, user: str | None = "anna", **more: Any) -> Any:
    """An answer to a user."""
    named = {} if user is None else {"user": user}
    body = {"model": "tiny", "messages": MESSAGES, "max_tokens": 6, "seed": 3, "temperature": 1.0, **named, **more}
    status, answer = served.post("/v1/chat/completions", body)
    assert status == 200, answer
    return answer


def say(served: Served, name: str, user: str | None = "anna", **said: Any) -> tuple[int, Any]:
    """What a user says of an answer."""
    return served.post("/v1/feedback", {"id": name, **({} if user is None else {"user": user}), **said})


def test_thumbs_ratings_edits_preferences_and_comments(tmp_path: Path) -> None:
    with collecting(tmp_path) as (served, desk):
        answer = ask(served, n=3, metadata={"conversation": "c-1"})
        assert desk.ledger.rows() == 0
        assert desk.ledger.counts()["prompts"] == 0, "what nobody judges does not enter the ledger"
        status, receipt = say(
            served,
            answer["id"],
            choice=1,
            thumb="up",
            rating=7,
            scale={"low": 1, "high": 10},
            preferred=1,
            edit="Better.",
            comment="Fine",
        )
        assert status == 200, receipt
        records = {record.id: record for record in desk.ledger.feedback()}
        assert [records[name].judgement for name in receipt["feedback"]] == [
            Label(selected=("up",), options=THUMBS),
            Rating(value=7, scale=Scale(low=1, high=10)),
            Comparison(preferred="right"),
            Comparison(preferred="left"),
            Correction(text="Better."),
            Critique(text="Fine"),
        ]
        assert {record.conversation for record in records.values()} == {receipt["conversation"]}
        completions = desk.ledger.completions()
        texts = [choice["message"]["content"] for choice in answer["choices"]]
        first, _, zero, two, *_ = (records[name] for name in receipt["feedback"])
        assert [completions[name].text for name in first.completions] == [texts[1]]
        assert [completions[name].text for name in zero.completions] == texts[:2]
        assert [completions[name].text for name in two.completions] == texts[1:]
        [evaluator] = desk.ledger.evaluators().values()
        assert evaluator.pseudonym.startswith("p-")
        assert (evaluator.kind, evaluator.pool) == ("person", "chat")
        assert first.evaluator == evaluator.id
        assert {completion.writer for completion in completions.values()} == {"tiny"}
        assert b"anna" not in (tmp_path / "l.db").read_bytes()
        assert desk.progress().rows == 6


def test_judging_anew_replaces_and_the_same_again_is_the_same(tmp_path: Path) -> None:
    with collecting(tmp_path) as (served, desk):
        name = ask(served)["id"]
        first = say(served, name, thumb="up")[1]["feedback"]
        assert say(served, name, thumb="up")[1]["feedback"] == first
        [second] = say(served, name, thumb="none")[1]["feedback"]
        up, none = desk.ledger.feedback()
        assert (none.id, none.replaces, none.judgement) == (second, up.id, Label(selected=(), options=THUMBS))


def test_a_stream_can_be_judged_too_and_conversations_are_told_apart(tmp_path: Path) -> None:
    with collecting(tmp_path) as (served, desk):
        stream = served.client.chat.completions.create(
            model="tiny", messages=MESSAGES, max_tokens=6, user="anna", stream=True
        )
        [name] = {chunk.id for chunk in stream}
        streamed = say(served, name, thumb="up")[1]["conversation"]
        assert say(served, ask(served)["id"], thumb="up")[1]["conversation"] == streamed, "they begin alike"
        longer = [*MESSAGES, {"role": "assistant", "content": "Hm."}, {"role": "user", "content": "More."}]
        assert say(served, ask(served, messages=longer)["id"], thumb="up")[1]["conversation"] == streamed
        other = ask(served, metadata={"conversation": "c-2"})["id"]
        assert say(served, other, thumb="up")[1]["conversation"] != streamed
        headers = {"x-openwebui-user-id": "ben", "x-openwebui-chat-id": "chat-7"}
        body = {"model": "tiny", "messages": MESSAGES, "max_tokens": 6}
        _, answer = served.post("/v1/chat/completions", body, **headers)
        status, receipt = served.post("/v1/feedback", {"id": answer["id"], "thumb": "down"}, **headers)
        assert status == 200
        assert len(desk.ledger.evaluators()) == 2
        assert receipt["conversation"] != streamed


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({"id": "chatcmpl-none", "thumb": "up"}, 404, "id"),
        ({"id": "a\0b", "thumb": "up"}, 404, "id"),
        ({"thumb": "sideways"}, 400, "thumb"),
        ({}, 400, "thumb"),
        ({"rating": 3}, 400, "scale"),
        ({"rating": 30, "scale": {"low": 1, "high": 10}}, 400, "rating"),
        ({"rating": 3, "scale": {"low": 10, "high": 1}}, 400, "scale"),
        ({"rating": 1, "scale": {"low": 1, "high": 1}}, 400, "scale"),
        ({"preferred": 2}, 400, "preferred"),
        ({"preferred": "left"}, 400, "preferred"),
        ({"thumb": "up", "choice": 2}, 400, "choice"),
        ({"thumb": "up", "choice": -1}, 400, "choice"),
        ({"edit": "a\0b"}, 400, "edit"),
        ({"edit": ""}, 400, "edit"),
        ({"thumb": "up", "mood": "good"}, 400, "mood"),
        ({"thumb": "up", "user": None}, 400, "user"),
        ({"thumb": "up", "user": "ben"}, 404, "id"),
    ],
)
def test_what_cannot_be_taken_is_told_in_openai_s_form(
    once: tuple[Served, Desk, str], said: dict[str, Any], status: int, field: str
) -> None:
    served, desk, name = once
    code, body = served.post("/v1/feedback", {"id": name, "user": "anna", **said})
    assert (code, set(body)) == (status, {"error"}), body
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert str(body["error"]["param"]).split(".")[0] == field, body
    assert desk.ledger.rows() == 0


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Desk, str]]:
    """A server with one answer of two choices, of which nothing was said."""
    with collecting(tmp_path_factory.mktemp("feedback")) as (served, desk):
        yield served, desk, ask(served, n=2)["id"]


def test_bodies_that_are_none_and_who_has_no_token(once: tuple[Served, Desk, str]) -> None:
    served, _, name = once
    assert served.post("/v1/feedback", b"{")[0] == 400
    assert served.post("/v1/feedback", b'{"id": "\\ud800", "thumb": "up", "user": "\\udfff"}')[0] in {400, 403}
    assert served.post("/v1/feedback", {"id": name, "thumb": "up"}, authorization="Bearer wrong")[0] == 401
    with serving(Worker(load("tiny", seed=1), slots=2)) as plain:
        code, body = plain.post("/v1/feedback", {"id": name, "user": "anna", "thumb": "up"})
        assert (code, "--collect" in body["error"]["message"]) == (404, True)


def test_whose_feedback_is_taken(tmp_path: Path) -> None:
    with collecting(tmp_path, 'users = ["anna"]') as (served, desk):
        nobodys, bens, annas = ask(served, None)["id"], ask(served, "ben")["id"], ask(served)["id"]
        assert say(served, nobodys)[0] == 400
        assert say(served, nobodys, thumb="up")[0] == 404, "nobody said whose it was, so it was not kept"
        assert say(served, bens, "ben", thumb="up")[0] == 403
        assert say(served, annas, thumb="up")[0] == 200
        [anna] = desk.progress().people
        desk.pause(anna.pseudonym, "why")
        assert ask(served)["choices"], "who is paused still chats"
        assert say(served, annas, thumb="down")[0] == 403
        desk.erase(anna.pseudonym)
        assert say(served, annas, thumb="down")[0] == 404, "forgotten"


def test_an_answer_is_known_for_a_while_and_over_a_restart(tmp_path: Path) -> None:
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    with collecting(tmp_path, "keep_hours = 1", clock=lambda: now[0]) as (served, _):
        old, judged = ask(served)["id"], ask(served)["id"]
        say(served, judged, thumb="up")
    with collecting(tmp_path, "keep_hours = 1", clock=lambda: now[0]) as (served, desk):
        assert say(served, old, comment="over a restart")[0] == 200
        late = ask(served)["id"]
        now[0] += timedelta(hours=2)
        ask(served)
        assert say(served, late, thumb="up")[0] == 404
        assert say(served, judged, thumb="down")[0] == 200, "what was judged stays"
        assert desk.progress().rows == 3


def test_a_ledger_that_is_busy_holds_no_answer_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.serve.collecting.PATIENCE", 0.1)
    with collecting(tmp_path) as (served, _):
        other = sqlite3.connect(tmp_path / "l.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        done = threading.Event()
        answers: list[Any] = []

        def chat() -> None:
            answers.append(ask(served))
            done.set()

        thread = threading.Thread(target=chat)
        thread.start()
        assert done.wait(10), "the answer came although the ledger was locked"
        other.rollback()
        other.close()
        thread.join()
        assert say(served, answers[0]["id"], thumb="up")[0] == 200, "and was kept when it was free"


def test_what_a_user_wrote_is_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    messages = ({"role": "user", "content": "a secret \ud800"},)
    body = ChatRequest.model_validate({"model": "tiny", "messages": messages, "user": "anna"})
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        collector = Collector(Desk(Study.parse(STUDY.format(more="")), ledger))
        asyncio.run(collector.keep("a1", body, {}, [], Sampling()))
        collector.close()
    assert "an answer is not kept" in caplog.text
    assert "secret" not in caplog.text


def test_a_study_must_say_that_users_agreed(tmp_path: Path) -> None:
    text = STUDY.format(more="")
    with pytest.raises(StudyError, match="chat: needs the consent"):
        Study.parse(text.replace("consent =", "instructions ="))
    with pytest.raises(StudyError, match=r"chat.agreed: missing"):
        Study.parse(text.replace("agreed =", "#"))
    head, _, rest = text.partition("[chat]")
    plain = head + rest[rest.index("[[questions]]") :]
    with Ledger(tmp_path / "l.db") as ledger, pytest.raises(StudyError, match=r"study.chat: missing"):
        Collector(Desk(Study.parse(plain), ledger))
